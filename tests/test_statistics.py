import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limner.statistics import (
    Spread,
    clustered_by_seed,
    clustered_share,
    mean_interval,
    paired_by_seed,
    paired_difference,
    ratio_by_seed,
    t_cdf,
    t_quantile,
)

TABLE = [
    # Upper 2.5 % and 0.5 % points of Student's t, as every printed table has them.
    (0.975, 1, 12.706), (0.975, 2, 4.303), (0.975, 4, 2.776), (0.975, 9, 2.262), (0.975, 30, 2.042),
    (0.975, 120, 1.980),
    (0.995, 1, 63.657), (0.995, 5, 4.032), (0.995, 20, 2.845), (0.95, 3, 2.353), (0.9, 7, 1.415), (0.975, 1e7, 1.960),
]  # fmt: skip

numbers = st.floats(-1e6, 1e6)


@pytest.mark.parametrize(("p", "freedom", "expected"), TABLE)
def test_quantiles_are_those_of_the_printed_tables(p, freedom, expected):
    assert t_quantile(p, freedom) == pytest.approx(expected, abs=6e-4)


@settings(deadline=None)
@given(st.floats(-50, 50), st.floats(0.5, 500))
def test_distribution_is_symmetric_and_inverts(t, freedom):
    p = t_cdf(t, freedom)
    assert p + t_cdf(-t, freedom) == pytest.approx(1)
    if 1e-4 < p < 1 - 1e-4:
        assert t_quantile(p, freedom) == pytest.approx(t, rel=1e-6, abs=1e-6)


def test_one_degree_of_freedom_is_cauchy():
    for t in (-3.0, -0.2, 0.0, 0.7, 10.0):
        assert t_cdf(t, 1) == pytest.approx(0.5 + math.atan(t) / math.pi, abs=1e-12)


@pytest.mark.parametrize("p", [0.0, 1.0, -1.0, float("nan")])
def test_a_share_outside_its_range_is_refused(p):
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        t_quantile(p, 3)


def test_mean_interval_of_a_worked_example():
    # n = 5, mean 3, sd sqrt(2.5): half width 2.776 * sqrt(2.5 / 5).
    interval = mean_interval([1, 2, 3, 4, 5])
    assert interval is not None
    assert interval.mean == 3
    assert interval.high == pytest.approx(3 + 2.7764451 * math.sqrt(0.5))
    assert interval.low == pytest.approx(3 - 2.7764451 * math.sqrt(0.5))


def test_missing_values_are_left_out_and_too_few_have_no_bounds():
    assert mean_interval([None, None]) is None
    assert mean_interval([]) is None
    assert mean_interval([None, 2.0]) == (2.0, None, None)
    assert mean_interval([1.0, None, 3.0]) == mean_interval([1.0, 3.0])


@settings(deadline=None)
@given(st.lists(numbers, min_size=2, max_size=20), numbers)
def test_an_interval_moves_with_its_values(values, shift):
    before, after = mean_interval(values), mean_interval([value + shift for value in values])
    assert before is not None
    assert after is not None
    assert after.mean == pytest.approx(before.mean + shift, abs=1e-6)
    assert before.low <= before.mean <= before.high


def test_pairs_that_lack_a_side_are_left_out():
    first = {"a": 1.0, "b": 5.0, "c": None, "d": 9.0}
    second = {"a": 0.5, "b": 4.0, "c": 1.0, "e": 2.0}
    assert paired_difference(first, second) == mean_interval([0.5, 1.0])


def test_a_seed_counts_once_however_many_values_it_has():
    interval = clustered_by_seed({0: [1.0] * 100, 1: [3.0, None], 2: [None]})
    assert interval == mean_interval([1.0, 3.0])


def test_claims_are_paired_by_query_and_clustered_by_seed():
    first = {0: {"a": 2.0, "b": 4.0}, 1: {"a": 5.0}, 2: {"a": 1.0}}
    second = {0: {"a": 1.0, "b": 1.0}, 1: {"a": 2.0}}
    assert paired_by_seed(first, second) == mean_interval([2.0, 3.0])


@settings(deadline=None)
@given(st.lists(st.lists(numbers, max_size=6), max_size=6), numbers)
def test_pooled_spread_ignores_where_each_group_lies(groups, shift):
    moved = [[value + shift for value in groups[0]], *groups[1:]] if groups else []
    assert Spread.within(moved).sd == pytest.approx(Spread.within(groups).sd, rel=1e-6, abs=1e-3)


def test_pooled_spread_of_known_groups():
    assert Spread.within([[1, 3], [10, 14], [7]]).sd == pytest.approx(math.sqrt((2 + 8) / 2))
    assert Spread.within([[1], []]) == Spread()
    assert Spread().sd == 0


def test_spread_adds_up_over_rounds():
    first, second = [[1.0, 3.0], [5.0, 5.0, 8.0]], [[10.0, 14.0]]
    assert Spread.within(first).and_also(Spread.within(second)) == pytest.approx(Spread.within(first + second))


def test_values_of_a_group_that_say_the_same_tell_no_more_than_one():
    once, thrice = [[1.0], [0.0], [1.0], [1.0]], [[1.0] * 3, [0.0] * 3, [1.0] * 3, [1.0] * 3]
    alone = mean_interval([1.0, 0.0, 1.0, 1.0])
    assert clustered_share(once) == pytest.approx(alone)
    assert clustered_share(thrice) == pytest.approx(alone)


def test_a_large_group_weighs_as_many_values_as_it_has():
    interval = clustered_share([[1.0, 1.0, 1.0], [0.0], []])
    assert interval is not None
    assert interval.mean == 0.75
    # Residuals of the sums: 3 - 0.75 * 3 and 0 - 0.75; error sqrt(2 * 2 * 0.75**2) / 4; t(0.975, 1) is 12.706.
    assert interval.high == pytest.approx(0.75 + 12.7062 * 1.5 / 4, rel=1e-4)


def test_no_group_has_no_share_and_one_group_no_error():
    assert clustered_share([[], []]) is None
    assert clustered_share([[1.0, 0.0]]) == (0.5, None, None)


def test_a_ratio_of_means_errs_by_what_the_seeds_leave_of_it():
    # Sums 3 and 6: residuals 0.5 and -0.5 about half of each seed's gain below, in units of the mean below (3).
    ratio = ratio_by_seed({0: 1.5, 1: 1.5, 7: 9.0}, {0: 2.0, 1: 4.0})
    assert ratio is not None
    assert ratio.mean == pytest.approx(0.5)
    assert ratio.high == pytest.approx(0.5 + 12.706 * 0.5 / 3, abs=1e-3)
    assert ratio.low == pytest.approx(0.5 - 12.706 * 0.5 / 3, abs=1e-3)


@given(st.dictionaries(st.integers(0, 9), st.floats(0.1, 10), min_size=2), st.floats(0.1, 5))
def test_a_constant_share_is_sure(below, share):
    ratio = ratio_by_seed({seed: share * value for seed, value in below.items()}, below)
    assert ratio == pytest.approx((share, share, share))


def test_a_share_of_nothing_says_nothing():
    assert ratio_by_seed({0: 1.0, 1: 1.0}, {0: 1.0, 1: -1.0}) is None
    assert ratio_by_seed({}, {}) is None
    assert ratio_by_seed({0: 1.0}, {0: 2.0}) == (0.5, None, None)
