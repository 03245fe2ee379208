"""`limner.write`: an instruction put to use."""

import asyncio

import pytest

import limner
from limner.errors import QueryError, UsageError
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
