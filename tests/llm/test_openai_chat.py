import asyncio
import base64
import io
import json

import pytest
from PIL import Image
from pydantic import BaseModel

from limner.errors import ChatError, ReplyLost, UnknownModel
from limner.llm import StructuredChat, chat_model
from limner.llm.openai_chat import OpenAIChat, OpenAIOptions
from limner.testing.chat_server import ChatServer
from limner.testing.loopback import Answered
from limner.types import Message, Picture, Prompt, Recipe, Usage

ASKED = [Message("system", "Be brief."), Message("user", "What is wrong?")]


def turn(server, messages=ASKED, schema=None, **options):
    chat = OpenAIChat("tiny", OpenAIOptions(**({"base_url": server.base_url, "api_key": "secret"} | options)))
    return asyncio.run(chat.turn(messages, schema))


def echo(body):
    return f"You said {body['messages'][-1]['content']}"


def test_a_turn_brings_text_and_usage():
    with ChatServer(echo) as server:
        reply = turn(server)
    assert reply.text == "You said What is wrong?"
    assert reply.finish_reason == "stop"
    assert reply.usage == Usage(5, 5, None)
    assert reply.model == "tiny-served"


def test_the_request_is_what_was_asked_for():
    schema = {"title": "Critique", "type": "object", "properties": {}}
    with ChatServer(echo) as server:
        turn(server, schema=schema, temperature=0.5, max_output_tokens=99)
    (body,) = server.requests
    assert body["model"] == "tiny"
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert body["temperature"] == 0.5
    assert body["max_tokens"] == 99
    assert body["response_format"]["json_schema"] == {"name": "Critique", "strict": True, "schema": schema}
    assert server.keys == ["secret"]


def test_what_is_not_set_is_not_sent():
    with ChatServer(echo) as server:
        turn(server)
    assert server.requests[0].keys() == {"model", "messages", "max_tokens"}


def test_keys_come_from_arguments_alone(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "from-environment")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    with ChatServer(echo) as server:
        asyncio.run(OpenAIChat("tiny", OpenAIOptions(base_url=server.base_url)).turn(ASKED))
    assert server.keys == ["none"]


def test_pictures_travel_as_small_jpegs():
    stream = io.BytesIO()
    Image.new("RGB", (400, 200), (200, 30, 30)).save(stream, "PNG")
    picture = Picture(stream.getvalue(), Recipe(Prompt("red"), 0), "test")
    with ChatServer(lambda _: "red") as server:
        turn(server, [Message("user", "What colour?", (picture, picture))], picture_side=100)
    text, *shown = server.requests[0]["messages"][0]["content"]
    assert text == {"type": "text", "text": "What colour?"}
    assert len(shown) == 2
    head, _, data = shown[0]["image_url"]["url"].partition(",")
    assert head == "data:image/jpeg;base64"
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    assert (image.format, image.size) == ("JPEG", (100, 50))


@pytest.mark.parametrize("trouble", ["limit", "error"])
def test_what_was_not_carried_out_is_sent_again(trouble):
    with ChatServer(echo, [trouble, trouble]) as server:
        assert turn(server).text.startswith("You said")
        assert server.calls == 3


@pytest.mark.parametrize("trouble", ["cut", "garbage"])
def test_a_lost_reply_may_be_paid_for_and_is_not_asked_for_again(trouble):
    with ChatServer(echo, [trouble]) as server:
        with pytest.raises(ReplyLost):
            turn(server)
        assert server.calls == 1


def test_a_quota_that_is_used_up_is_not_waited_for():
    with ChatServer(echo, ["quota"] * 9) as server:
        with pytest.raises(ChatError, match="429"):
            turn(server)
        assert server.calls == 1


def test_the_newer_name_of_the_token_limit_is_used_where_it_is_wanted():
    class Newer(ChatServer):
        def answer(self, body, behaviour):
            if "max_tokens" in body:
                return Answered.error(400, "unsupported max_tokens, use max_completion_tokens")
            return super().answer(body, behaviour)

    with Newer(echo) as server:
        assert turn(server, max_output_tokens=7).text.startswith("You said")
        assert server.requests[1]["max_completion_tokens"] == 7


@pytest.mark.parametrize(
    ("trouble", "calls", "message"),
    [
        ("unauthorized", 1, r"401.*check the API key"),
        ("unknown", 1, r"404.*model's name"),
        ("bad", 1, r"400.*does not take this request"),
        ("limit", 3, r"429.*quota"),
        ("error", 3, r"500.*try again later"),
    ],
)
def test_what_the_endpoint_does_not_take_is_a_chat_error(trouble, calls, message):
    with ChatServer(echo, [trouble] * 9) as server:
        with pytest.raises(ChatError, match=message):
            turn(server, retries=2)
        assert server.calls == calls


@pytest.mark.parametrize("trouble", ["hang", "drip", "cut", "garbage", "huge"])
def test_a_reply_that_never_comes_whole_is_lost_not_refused(trouble):
    with ChatServer(echo, [trouble] * 9) as server, pytest.raises(ReplyLost):
        turn(server, timeout=0.5)


def test_an_endpoint_that_is_not_there_was_never_asked():
    with ChatServer(echo) as server:
        address = server.base_url
    with pytest.raises(ChatError, match="is the endpoint running"):
        asyncio.run(OpenAIChat("tiny", OpenAIOptions(base_url=address, retries=0)).turn(ASKED))


@pytest.mark.parametrize(
    ("behaviour", "reason", "text"),
    [("refuse", "refusal", "I cannot help with that."), ("filter", "content_filter", None), ("length", "length", None)],
)
def test_what_is_paid_for_is_a_turn(behaviour, reason, text):
    with ChatServer(echo, [behaviour]) as server:
        reply = turn(server)
    assert reply.finish_reason == reason
    assert reply.usage.input_tokens == 5
    assert text is None or reply.text == text


def test_an_empty_reply_and_missing_usage_are_said_as_they_are():
    with ChatServer(echo, ["empty", "no_choices", "no_usage", "nonsense_usage"]) as server:
        empty, without_choices, *unknown = (turn(server) for _ in range(4))
    assert (empty.text, empty.usage) == ("", Usage(5, 0, None))
    assert (without_choices.text, without_choices.finish_reason) == ("", "no_choice")
    assert without_choices.usage.input_tokens == 5
    assert [one.usage for one in unknown] == [Usage(None, None, None)] * 2


def test_one_model_serves_several_event_loops():
    with ChatServer(echo) as server:
        chat = OpenAIChat("tiny", OpenAIOptions(base_url=server.base_url))
        for _ in range(2):
            asyncio.run(chat.turn(ASKED))

        async def both():
            return await asyncio.gather(chat.turn(ASKED), chat.turn(ASKED))

        assert len(asyncio.run(both())) == 2


def test_structured_replies_over_a_real_socket():
    class Verdict(BaseModel):
        good: bool

    def reply(body):
        if "ProbeReply" in json.dumps(body):
            return '{"colour": "red"}'
        return '```json\n{"good": true,}\n```' if len(body["messages"]) > 2 else "Yes!"

    with ChatServer(reply, enforces=False) as server:
        chat = OpenAIChat("tiny", OpenAIOptions(base_url=server.base_url))
        assert asyncio.run(StructuredChat(chat).reply(ASKED, Verdict)) == Verdict(good=True)
    probe, first, repaired = server.requests
    assert json.dumps(first["response_format"]).count("Verdict") == 2
    assert len(probe["messages"]) == 1
    assert len(repaired["messages"]) == 4


def test_identity_and_terms_name_endpoint_and_price_but_no_key():
    options = OpenAIOptions(
        base_url="http://user:word@host:8000/v1", api_key="secret", temperature=0.0, price_per_input_token=1e-6
    )
    chat = chat_model("openai:org/tiny", options)
    assert chat.identity == "openai:org/tiny@host:8000/temperature=0.0"
    assert "secret" not in repr(options)
    assert chat.terms.sampling
    assert not chat.terms.local
    assert chat.terms.price_per_input_token == 1e-6
    assert chat.terms.price_per_output_token is None


@pytest.mark.parametrize("name", ["tiny", "openai:", "litellm:tiny", ""])
def test_unknown_names_say_what_is_known(name):
    with pytest.raises(UnknownModel, match="openai:MODEL"):
        chat_model(name)
