"""The rule-based questioner: exact wordings, what needs what, nothing asked twice."""

from __future__ import annotations

import asyncio
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limner.agents import RuleQuestioner
from limner.types import Query, Question

_PHRASE = r"[\w -]+?"
TEMPLATES = (
    rf"Is there an? {_PHRASE}\?",
    rf"Is there exactly one {_PHRASE}\?",
    rf"Are there exactly \w+ {_PHRASE}\?",
    rf"Is the {_PHRASE} (left of|right of|above|below) the {_PHRASE}\?",
    rf"Is the {_PHRASE} at the (top|bottom)?( ?)(left|right|center)?\?",
    rf"Is the {_PHRASE} \w+\?",
    rf"Is the background {_PHRASE}\?",
    r"Is the picture drawn well\?",
)


def ask(text: str) -> tuple[Question, ...]:
    return asyncio.run(RuleQuestioner().questions(Query.of(text)))


@pytest.mark.parametrize(
    ("text", "questions"),
    [
        ("a red circle", ["Is there a circle?", "Is the circle red?"]),
        ("draw me an orange cross", ["Is there a cross?", "Is the cross orange?"]),
        ("a ring", ["Is there a ring?"]),
        ("two blue squares", ["Is there a square?", "Is the square blue?", "Are there exactly two blue squares?"]),
        ("5 crosses", ["Is there a cross?", "Are there exactly five crosses?"]),
        ("one ring", ["Is there a ring?", "Is there exactly one ring?"]),
        (
            "a tiny pink ring on black",
            ["Is there a ring?", "Is the ring pink?", "Is the pink ring small?", "Is the background black?"],
        ),
        (
            "a huge triangle in the upper left corner",
            ["Is there a triangle?", "Is the triangle large?", "Is the triangle at the top left?"],
        ),
        (
            "a red circle to the left of a blue square",
            ["Is there a circle?", "Is the circle red?", "Is there a square?", "Is the square blue?",
             "Is the red circle left of the blue square?"],
        ),
        (
            "a little red ring under a big green ring",
            ["Is there a small red ring?", "Is there a large green ring?",
             "Is the small red ring below the large green ring?"],
        ),
        ("a red circle and a red circle", ["Is there a red circle?"]),
        ("a ring, drawn nicely", ["Is there a ring?", "Is the picture drawn well?"]),
        (
            "two corgis wearing red scarves next to a blue bicycle on a white background",
            ["Is there a corgi?", "Are there exactly two corgis?", "Is there a bicycle?", "Is the bicycle blue?",
             "Is the background white?"],
        ),
        ("a black and white cat above a wooden box",
         ["Is there a cat?", "Is the cat black and white?", "Is there a wooden box?",
          "Is the black and white cat above the wooden box?"]),
        ("surprise me", None),
        ("", []),
    ],
)  # fmt: skip
def test_exact_questions(text: str, questions: list[str] | None) -> None:
    asked = [question.text for question in ask(text)]
    assert questions is None or asked == questions


def test_every_question_but_the_first_of_a_thing_needs_it() -> None:
    by_text = {question.text: question for question in ask("two small red circles above a blue square at the bottom")}
    exists = "Is there a circle?"
    assert by_text[exists].needs == ()
    assert by_text["Is the circle red?"].needs == (exists,)
    assert by_text["Are there exactly two red circles?"].needs == (exists,)
    assert by_text["Is the red circle above the blue square?"].needs == (exists, "Is there a square?")
    assert by_text["Is the blue square at the bottom?"].needs == ("Is there a square?",)
    kinds = [question.kind for question in by_text.values()]
    assert kinds == ["exists", "attribute", "size", "count", "exists", "attribute", "place", "relation"]


_SAID = (
    "a,two,3,red,small,huge,green,circle,ring,rings,crosses,dog,above,to the left of,next to,and,with,;,"
    "in the top left,at the bottom,on a white background,drawn well"
)
_PIECES = tuple(_SAID.split(","))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from(_PIECES), max_size=12).map(" ".join))
def test_questions_follow_the_templates(text: str) -> None:
    asked = ask(text)
    texts = [question.text for question in asked]
    assert len(texts) == len(set(texts))
    for number, question in enumerate(asked):
        assert any(re.fullmatch(template, question.text) for template in TEMPLATES), question.text
        assert set(question.needs) <= set(texts[:number])
