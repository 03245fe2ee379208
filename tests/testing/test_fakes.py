"""The fakes that ship: they count, and they behave at their doors like the models that they stand for."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from limner.protocols import ChatModel, Generator, Scorer, VisionModel
from limner.testing import ChatFromCallable, CountingGenerator, HashGenerator, ScorerFromFunction, VisionFromFunction
from limner.types import Answer, Failure, Message, Picture, Prompt, Query, Question, Recipe, Score, Turn

RECIPE = Recipe(Prompt("a cat"), 1)


@given(st.text(max_size=20), st.text(max_size=20), st.integers(0, 5), st.integers(0, 5))
def test_other_recipes_give_other_pictures(text: str, other: str, seed: int, another: int) -> None:
    first, second = Recipe(Prompt(text), seed), Recipe(Prompt(other), another)
    one, two = HashGenerator().generate([first, second])
    assert isinstance(one, Picture)
    assert isinstance(two, Picture)
    assert (one.image().tobytes() == two.image().tobytes()) == (first == second)


def test_the_hash_generator_counts_waits_and_fails_as_told() -> None:
    model = HashGenerator(delay=0.05, failing=[3], size=(8, 12))
    started = time.monotonic()
    drawn = model.generate([Recipe(Prompt("a"), seed) for seed in (2, 3)])
    model.generate([])
    assert time.monotonic() - started >= 0.1
    assert isinstance(drawn[0], Picture)
    assert drawn[0].image().size == (8, 12)
    assert isinstance(drawn[1], Failure)
    assert (model.log.calls, model.log.shapes, len(model.log.items)) == (2, [2, 0], 2)


def test_a_counted_generator_is_the_generator() -> None:
    inner = HashGenerator("inner")
    model = CountingGenerator(inner)
    assert isinstance(model, Generator)
    assert model.generate([RECIPE]) == inner.generate([RECIPE])
    assert (model.identity, model.terms, model.log.items) == (inner.identity, inner.terms, [RECIPE])


def test_a_chat_from_a_function_of_any_kind() -> None:
    async def slow(messages: Sequence[Message], schema: Mapping[str, Any] | None) -> Turn:
        return Turn(f"{len(messages)} {schema}", finish_reason="length")

    said = [Message("user", "hello")]
    quick = ChatFromCallable(lambda messages, _: messages[-1].content.upper(), "loud")
    assert isinstance(quick, ChatModel)
    assert asyncio.run(quick.turn(said)) == Turn("HELLO", model="loud")
    assert asyncio.run(ChatFromCallable(slow).turn(said, {})) == Turn("1 {}", finish_reason="length")
    assert quick.log.batches == [tuple(said)]


def test_judges_from_functions() -> None:
    (picture,) = HashGenerator().generate([RECIPE])
    assert isinstance(picture, Picture)
    query, question = Query.of("a cat"), Question("Is there a cat?")
    scores = iter([1.5, None, Score("other", 2.0)])
    scorer = ScorerFromFunction(lambda *_: next(scores), "taste")
    assert isinstance(scorer, Scorer)
    assert scorer.score([(query, picture)] * 3) == [Score("taste", 1.5), Score("taste", None), Score("other", 2.0)]
    answers = iter([0.25, None, Answer(None, "dark")])
    vision = VisionFromFunction(lambda *_: next(answers))
    assert isinstance(vision, VisionModel)
    first, second, third = vision.answer([(picture, question)] * 3)
    assert first == Answer(0.25)
    assert second.p_yes is None
    assert second.reason
    assert third == Answer(None, "dark")
    assert (scorer.log.shapes, vision.log.shapes) == ([3], [3])
