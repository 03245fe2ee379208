"""Means with their error: t intervals, paired differences, means over seeds and groups, pooled spread.

A judgement that is missing (None) is left out here and counted by whoever holds it. Student's t is computed by a
continued fraction rather than taken from SciPy, which would be the only reason to depend on it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from limner.types import Interval

Key = TypeVar("Key", bound=Hashable)

_PRECISION = 1e-15
_TINY = 1e-300
_MOST_TERMS = 10_000


def mean_interval(values: Iterable[float | None], level: float = 0.95) -> Interval | None:
    """Mean of the values that are there, with its two-sided t interval.

    Returns:
        None when no value is there; an interval without bounds when there is one.
    """
    there = [value for value in values if value is not None]
    if not there:
        return None
    mean = math.fsum(there) / len(there)
    if len(there) == 1:
        return Interval(mean, None, None)
    sd = math.sqrt(math.fsum((value - mean) ** 2 for value in there) / (len(there) - 1))
    half = t_quantile(0.5 + level / 2, len(there) - 1) * sd / math.sqrt(len(there))
    return Interval(mean, mean - half, mean + half)


def paired_difference(
    first: Mapping[Key, float | None], second: Mapping[Key, float | None], level: float = 0.95
) -> Interval | None:
    """Mean of first minus second over the keys (queries) for which both are there, with its t interval."""
    return mean_interval(_differences(first, second).values(), level)


def clustered_by_seed(values: Mapping[int, Sequence[float | None]], level: float = 0.95) -> Interval | None:
    """Mean over seeds with a t interval over the seeds' means.

    Values of one seed share their luck (one search, one noise), so a seed counts once however many values it has.
    """
    means = (mean_interval(of_seed) for of_seed in values.values())
    return mean_interval((seed.mean for seed in means if seed is not None), level)


def clustered_share(groups: Iterable[Sequence[float]], level: float = 0.95) -> Interval | None:
    """Mean of all values, each counted once, with a t interval in which the values of a group err together.

    The groups are what was drawn at random, so the error is that of a ratio of their sums to their sizes (Cochran 1977,
    Sampling Techniques, chapter 9A), with as many degrees of freedom as there are groups, less one.
    """
    there = [group for group in groups if len(group)]
    if not there:
        return None
    total = sum(map(len, there))
    mean = math.fsum(map(math.fsum, there)) / total
    if len(there) == 1:
        return Interval(mean, None, None)
    squares = math.fsum((math.fsum(group) - mean * len(group)) ** 2 for group in there)
    error = math.sqrt(squares * len(there) / (len(there) - 1)) / total
    half = t_quantile(0.5 + level / 2, len(there) - 1) * error
    return Interval(mean, mean - half, mean + half)


def ratio_by_seed(above: Mapping[int, float], below: Mapping[int, float], level: float = 0.95) -> Interval | None:
    """Ratio of two means over the seeds that both have, with a t interval by linearisation (Cochran 1977, chapter 6).

    None where the mean below is not above 0: a share of nothing says nothing.
    """
    both = [(above[seed], below[seed]) for seed in above if seed in below]
    total = math.fsum(b for _, b in both)
    if total <= 0:
        return None
    ratio = math.fsum(a for a, _ in both) / total
    off = mean_interval(((a - ratio * b) * len(both) / total for a, b in both), level)
    assert off is not None
    half = None if off.high is None else off.high - off.mean
    return Interval(ratio, None if half is None else ratio - half, None if half is None else ratio + half)


def paired_by_seed(
    first: Mapping[int, Mapping[Key, float | None]],
    second: Mapping[int, Mapping[Key, float | None]],
    level: float = 0.95,
) -> Interval | None:
    """First minus second, paired by query within each seed and clustered by seed: what a claim must state.

    Both are seed -> query -> value; seeds that only one of them has are left out.
    """
    shared = first.keys() & second.keys()
    return clustered_by_seed({s: [*_differences(first[s], second[s]).values()] for s in sorted(shared)}, level)


class Spread(NamedTuple):
    """How far values lie from the mean of their own group: degrees of freedom and sum of squares, which add up.

    Kept over the rounds of a run, it says ever more exactly how much a score varies within a query.
    """

    freedom: int = 0
    squares: float = 0.0

    @classmethod
    def within(cls, groups: Iterable[Sequence[float]]) -> Spread:
        """Spread of the values of each group about that group's mean."""
        there = [group for group in groups if len(group) > 1]
        means = [math.fsum(group) / len(group) for group in there]
        squares = math.fsum((v - mean) ** 2 for group, mean in zip(there, means, strict=True) for v in group)
        return cls(sum(len(group) - 1 for group in there), squares)

    def and_also(self, other: Spread) -> Spread:
        """Both pooled, each group still about its own mean."""
        return Spread(self.freedom + other.freedom, self.squares + other.squares)

    @property
    def sd(self) -> float:
        """Pooled standard deviation; 0 where no group has had two values."""
        return math.sqrt(self.squares / self.freedom) if self.freedom else 0.0


@functools.lru_cache(maxsize=1024)
def t_quantile(p: float, freedom: float) -> float:
    """The t below which a share `p` (0 < p < 1) of Student's distribution lies, by bisection of `t_cdf`."""
    if not 0 < p < 1:
        raise ValueError(f"a quantile is asked for a share strictly between 0 and 1; got {p!r}")
    if p < 0.5:
        return -t_quantile(1 - p, freedom)
    low, high = 0.0, 1.0
    while t_cdf(high, freedom) < p:
        low, high = high, high * 2
    while (middle := (low + high) / 2) not in (low, high):
        low, high = (middle, high) if t_cdf(middle, freedom) < p else (low, middle)
    return high


def t_cdf(t: float, freedom: float) -> float:
    """P(T <= t) for Student's t (Abramowitz and Stegun 26.7.1 through the incomplete beta function)."""
    if not freedom > 0:
        raise ValueError(f"degrees of freedom must be above 0; got {freedom!r}")
    tail = 0.5 * _incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t))
    return 1 - tail if t > 0 else tail


def _differences(first: Mapping[Key, float | None], second: Mapping[Key, float | None]) -> dict[Key, float]:
    both = {key: (value, second.get(key)) for key, value in first.items()}
    return {key: a - b for key, (a, b) in both.items() if a is not None and b is not None}


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """Regularised I_x(a, b); the continued fraction converges fast on the side of the mean that is chosen here."""
    if x <= 0.0 or x >= 1.0:
        return min(max(x, 0.0), 1.0)
    if x > (a + 1) / (a + b + 2):
        return 1 - _incomplete_beta(b, a, 1 - x)
    front = a * math.log(x) + b * math.log1p(-x) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    return math.exp(front) / a * _beta_fraction(a, b, x)


def _beta_fraction(a: float, b: float, x: float) -> float:
    """Continued fraction of I_x(a, b) (Abramowitz and Stegun 26.5.8), evaluated by Lentz's method."""
    value, c, d = 1.0, 1.0, 0.0
    for term in range(_MOST_TERMS):
        numerator = _beta_numerator(a, b, x, term) if term else 1.0
        d = 1 / _away_from_zero(1 + numerator * d)
        c = _away_from_zero(1 + numerator / c)
        value *= c * d
        if abs(c * d - 1) < _PRECISION:
            return value - 1
    raise ArithmeticError(f"the incomplete beta function did not converge at a={a}, b={b}, x={x}")


def _beta_numerator(a: float, b: float, x: float, term: int) -> float:
    m = term // 2
    if term % 2:
        return -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
    return m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
