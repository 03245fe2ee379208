"""The directive modifier and the reading of instructions: one sentence at a time, and never the same twice."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limner.agents import BY_ID, CATALOGUE, START, DirectiveModifier
from limner.agents.sentences import LONGEST, Change, changed, read, understood
from limner.types import Instruction

PLACES, DREAMY, PLAIN, CLAUSES = (BY_ID[name].sentence for name in ("places", "dreamy", "plain", "clauses"))
names = st.lists(st.sampled_from(sorted(BY_ID)), min_size=1, max_size=LONGEST, unique=True)


def modify(instruction: Instruction, improvement: str, *avoid: Instruction) -> Instruction | None:
    return asyncio.run(DirectiveModifier().modify(instruction, improvement, avoid))


def test_one_child_per_improvement() -> None:
    child = modify(START, f"Add: {PLACES}")
    assert child is not None
    assert child.text == f"{PLAIN} {PLACES}"
    assert child.parent == START.id
    assert child.reason == f"Add: {PLACES}"
    dropped = modify(child, f"Drop: {PLAIN}")
    assert dropped is not None
    assert dropped.text == PLACES
    replaced = modify(child, f"Replace: {PLACES} by {DREAMY}")
    assert replaced is not None
    assert replaced.text == f"{PLAIN} {DREAMY}"


def test_a_sentence_displaces_its_slot() -> None:
    child = modify(START, f"Add: {CLAUSES}")
    assert child is not None
    assert child.text == CLAUSES


@pytest.mark.parametrize(
    "improvement", ["Add: be more creative", "", "Drop: " + PLAIN, "Add: " + PLAIN, "Drop: " + DREAMY]
)
def test_no_child_where_none_is_possible(improvement: str) -> None:
    assert modify(START, improvement) is None


def test_a_child_that_exists_is_not_born_again() -> None:
    child = modify(START, f"Add: {PLACES}")
    assert child is not None
    swapped = Instruction(f"{PLACES} {PLAIN}")
    assert modify(START, f"Add: {PLACES}", swapped) is None


def test_a_language_models_improvement_is_read_if_it_holds_a_sentence() -> None:
    child = modify(START, f"1. The writer should be told: “{PLACES.lower()}”")
    assert child is not None
    assert PLACES in child.text


def test_unknown_sentences_stay() -> None:
    child = modify(Instruction(f"Think like a painter. {PLAIN}"), f"Add: {PLACES}")
    assert child is not None
    assert child.text == f"Think like a painter. {PLAIN} {PLACES}"


@settings(deadline=None, max_examples=60)
@given(names, st.integers(0, 2**32))
def test_variants_are_distinct_short_and_more_specific(ids: list[str], seed: int) -> None:
    parent = Instruction(" ".join(BY_ID[name].sentence for name in ids))
    avoid = [START, *asyncio.run(DirectiveModifier().vary(parent, 3, [START], seed))]
    variants = asyncio.run(DirectiveModifier().vary(parent, 3, avoid, seed + 1))
    assert len(variants) == 3
    done = [read(instruction.text).ids for instruction in (parent, *avoid, *variants)]
    assert len(set(done) - {read(START.text).ids}) >= 6 + (parent.text != START.text)
    assert all(len(read(variant.text).known) <= LONGEST for variant in variants)


def test_variants_repeat_with_their_seed() -> None:
    one, two = (asyncio.run(DirectiveModifier().vary(START, 3, (), 7)) for _ in range(2))
    assert one == two
    assert asyncio.run(DirectiveModifier().vary(START, 3, (), 8)) != one


@settings(deadline=None, max_examples=60)
@given(names)
def test_instructions_read_back(ids: list[str]) -> None:
    text = " ".join(BY_ID[name].sentence for name in ids)
    reading = read(text)
    assert reading.ids == set(ids)
    assert read(reading.text) == reading
    assert read(text.upper().rstrip(".")).ids == set(ids)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(CATALOGUE), st.sampled_from(CATALOGUE))
def test_improvements_read_back(add, drop) -> None:  # type: ignore[no-untyped-def]
    for change in (Change(add=add), Change(drop=drop), *([Change(add, drop)] if add != drop else [])):
        assert understood(str(change)) == change


@settings(deadline=None, max_examples=60)
@given(names, st.sampled_from(sorted(BY_ID)))
def test_a_change_is_obeyed(ids: list[str], name: str) -> None:
    reading = read(" ".join(BY_ID[i].sentence for i in ids))
    child = changed(reading, Change(add=BY_ID[name]))
    assert name in child.ids
    assert len(child.known) <= LONGEST
    assert name not in changed(child, Change(drop=BY_ID[name])).ids
