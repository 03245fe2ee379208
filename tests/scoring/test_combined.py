import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.errors import SettingsError
from limner.scoring import Judgements, combined, fronts


def rows(*values, query="q"):
    return [Judgements(query, dict(zip("ab", pair, strict=True))) for pair in values]


def test_each_scorer_counts_by_its_own_spread():
    values = combined(rows((20, 1), (22, 2), (24, 3)), {"a": 1, "b": 1})
    assert values == pytest.approx([-1, 0, 1])


def test_requests_are_compared_with_themselves():
    easy, hard = rows((30, 1), (32, 1)), rows((10, 1), (12, 1), query="hard")
    values = combined([*easy, *hard], {"a": 1})
    assert values[:2] == pytest.approx(values[2:])


def test_weights_decide():
    pair = rows((20, 3), (21, 2))
    assert combined(pair, {"a": 3, "b": 1})[1] > combined(pair, {"a": 3, "b": 1})[0]
    assert combined(pair, {"a": 1, "b": 3})[1] < combined(pair, {"a": 1, "b": 3})[0]
    assert combined(pair, {"a": 1, "b": 0}) == combined(pair, {"a": 2})


def test_what_is_missing_or_alone_has_no_combined_score():
    assert combined(rows((1, None), (2, 5), (3, 6)), {"a": 1, "b": 1})[0] is None
    assert combined(rows((1, 2)), {"a": 1}) == [None]
    assert combined([], {"a": 1}) == []
    assert combined(rows((5, 1), (5, 1)), {"a": 1, "b": 1}) == [0, 0]


@pytest.mark.parametrize("weights", [{}, {"a": 0}, {"a": -1}, {"a": math.nan}, {"a": math.inf}])
def test_weights_that_cannot_be(weights):
    with pytest.raises(SettingsError, match="weights"):
        combined(rows((1, 1), (2, 2)), weights)


def test_fronts():
    assert fronts(rows((1, 1), (2, 0), (2, 1), (0, 3), (0, 0), (None, 9))) == [2, 2, 1, 1, 3, None]
    assert fronts([*rows((1, 1)), *rows((2, 2), query="other")]) == [1, 1]
    assert fronts(rows((1, 1), (1, 1))) == [1, 1]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12))
def test_nothing_on_the_first_front_is_beaten_and_all_else_is(values):
    placed = fronts(rows(*values))
    for mine, front in zip(values, placed, strict=True):
        beaten = any(o != mine and o[0] >= mine[0] and o[1] >= mine[1] for o in values)
        assert (front == 1) is not beaten
