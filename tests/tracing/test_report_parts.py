from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.results import EvolveResult
from limner.tracing.report import charts
from limner.tracing.report.family import LANE, family
from limner.tracing.report.figures import bar, duration, money, number, scale
from limner.tracing.report.words import diff
from limner.types import Interval

FINITE = st.floats(-1e6, 1e6)
TEXTS = st.text(st.sampled_from("ab ,.;\n\u0301") | st.characters(), max_size=40)


@given(TEXTS, TEXTS)
def test_a_diff_spells_the_new_text_and_keeps_the_words_of_the_old(old: str, new: str) -> None:
    pieces = diff(old, new)
    assert "".join(piece.text for piece in pieces if piece.kind != "removed") == new
    kept = "".join(piece.text for piece in pieces if piece.kind != "added")
    assert "".join(kept.split()) == "".join(old.split())


@given(TEXTS)
def test_equal_texts_have_no_changes(text: str) -> None:
    assert all(piece.kind == "same" for piece in diff(text, text))


def test_a_diff_is_by_words_and_joins_what_belongs_together() -> None:
    assert [tuple(piece) for piece in diff("a red dog, running", "a red cat, sleeping")] == [
        ("same", "a red"),
        ("removed", " dog, running"),
        ("same", " "),
        ("added", "cat, sleeping"),
    ]


@given(st.lists(st.one_of(st.none(), FINITE), max_size=5), FINITE, FINITE, FINITE)
def test_bars_stay_on_the_scale_of_what_they_show(others: list[float | None], a: float, b: float, c: float) -> None:
    low, mean, high = sorted((a, b, c))
    drawn = bar(Interval(mean, low, high), scale([*others, low, high]))
    assert drawn is not None
    assert 0 <= drawn.low <= drawn.mean <= drawn.high <= 100


def test_numbers_read_as_people_write_them() -> None:
    assert number(-0.05) == "−0.050"
    assert number(27.134, sign=True) == "+27.13"
    assert number(None) == "–"
    assert duration(59.94) == "59.9 s"
    assert duration(3725) == "1 h 2 min"
    assert money(0.0, 3) == "$0.00 + 3 of unknown price"
    assert money(0.0004, 0) == "$0.0004"


def test_no_two_instructions_overlap_in_the_tree(make: Callable[..., EvolveResult]) -> None:
    tree = family(make())
    lives = [(member.y, member.x, member.end) for member in tree.members]
    for place, (y, start, end) in enumerate(lives):
        assert 0 <= start <= end <= tree.width
        assert y <= tree.height - LANE / 2
        for other_y, other_start, other_end in lives[:place]:
            assert y != other_y or end < other_start or other_end < start
    assert [member.number for member in tree.line] == [0, 1, 3]
    assert sum(member.result for member in tree.members) == 1


@pytest.mark.parametrize(("rounds", "apart"), [(3, 1), (43, 5), (1000, 50)])
def test_the_names_of_rounds_have_room(make: Callable[..., EvolveResult], rounds: int, apart: int) -> None:
    result = make()
    many = replace(result, rounds=tuple(replace(result.rounds[0], number=number) for number in range(1, rounds + 1)))
    stacks = [stack for stack in charts.pulls(many, family(result)).stacks if stack.named]
    assert all(b.x - a.x >= charts.LABEL for a, b in pairwise(stacks))
    assert [int(stack.label) for stack in stacks] == list(range(apart, rounds + 1, apart))


def test_the_charts_show_every_pull_and_every_scored_instruction(make: Callable[..., EvolveResult]) -> None:
    result = make()
    tree = family(result)
    stacks = charts.pulls(result, tree).stacks
    assert [sum(segment.pulls for segment in stack.segments) for stack in stacks] == [3, 9, 6]
    points = charts.scores(result, tree).points
    assert {point.member.number for point in points} == {0, 1, 2, 3}
    assert all(point.high <= point.y <= point.low for point in points), "y grows downwards"
    best = next(point for point in points if point.member.number == 3)
    assert best.y == min(point.y for point in points)
    assert charts.scores(result, tree).bare == 1, "the one without bounds"
