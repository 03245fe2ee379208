import asyncio

import pytest

from limner.errors import ChatError
from limner.llm.abilities import Abilities, abilities
from limner.llm.openai_chat import OpenAIChat, OpenAIOptions
from limner.testing.chat_server import ChatServer


def found(server):
    return asyncio.run(abilities(OpenAIChat("tiny", OpenAIOptions(base_url=server.base_url, retries=0))))


def test_an_able_endpoint_is_known_for_what_it_can():
    with ChatServer(lambda _: "Red.", models=[{"id": "big"}, {"id": "tiny", "max_model_len": 8192}]) as server:
        assert found(server) == Abilities("json_schema", vision=True, logprobs=True, context=8192)


def test_a_plain_endpoint_too():
    with ChatServer(lambda _: "Blue?", formats=(), able=()) as server:
        assert found(server) == Abilities("text", vision=False, logprobs=False, context=None)


def test_a_model_that_takes_pictures_and_does_not_see_them_is_found_out():
    with ChatServer(lambda _: "A lovely landscape.") as server:
        assert not found(server).vision


@pytest.mark.parametrize(
    ("models", "context"),
    [
        ([{"id": "tiny", "meta": {"n_ctx_train": 4096}}], 4096),
        ([{"id": "tiny", "context_length": "long"}], None),
        ([{"id": "other", "max_model_len": 8192}], None),
    ],
)
def test_the_context_stands_under_several_names(models, context):
    with ChatServer(lambda _: "Red.", models=models) as server:
        assert found(server).context == context


def test_an_endpoint_that_is_not_there_is_an_error():
    with ChatServer(lambda _: "Red.") as server:
        address = server
    with pytest.raises(ChatError, match="is the endpoint running"):
        found(address)
