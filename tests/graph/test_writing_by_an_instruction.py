"""`limner.write`: an instruction put to use."""

import asyncio

import pytest

import limner
from limner.errors import QueryError, UsageError
from limner.testing import ChatServer
from limner.testing.role_server import sensible_reply
from limner.types import Instruction

STARRED = "Ask for high quality and sharp edges."


def test_one_prompt_for_each_request_in_their_order() -> None:
    prompts = limner.write(["a red  circle", "a blue square", "a red circle"], STARRED)
    assert ["circle" in one.text for one in prompts] == [True, False, True]
    assert prompts[0] == prompts[2]
    assert all("high quality" in one.text for one in prompts)


def test_a_text_and_an_instruction_are_the_same() -> None:
    assert limner.write(["a red circle"], STARRED) == limner.write(["a red circle"], Instruction(STARRED))


def test_works_where_a_loop_is_running() -> None:
    async def notebook() -> str:
        return limner.write(["a red circle"], STARRED)[0].text

    assert "red circle" in asyncio.run(notebook())


def test_bad_requests_and_families_are_refused() -> None:
    with pytest.raises(QueryError, match="empty"):
        limner.write(["  "], STARRED)
    with pytest.raises(UsageError, match="nobody"):
        limner.write(["a red circle"], STARRED, agents="nobody")


def test_a_language_model_writes_for_the_image_model_that_is_named() -> None:
    with ChatServer(sensible_reply) as server:
        options = {"agents": "openai:sensible", "base_url": server.base_url, "preset": "sdxl"}
        prompts = limner.write(["a red circle", "a blue square", "a red circle"], STARRED, **options)
        systems = {body["messages"][0]["content"] for body in server.requests[1:]}
    assert prompts == limner.write(["a red circle", "a blue square", "a red circle"], STARRED)
    assert len(server.requests) == 1 + 2  # a probe, and one turn for each different request
    assert all("Stable Diffusion XL" in system and "77 tokens" in system for system in systems)


def test_a_preset_that_is_not_there_is_refused() -> None:
    with pytest.raises(UsageError, match="no preset 'sd9'"):
        limner.write(["a red circle"], STARRED, preset="sd9")
