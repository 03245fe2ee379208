"""Several scorers' judgements of the same pictures as one number, or as what no other picture beats.

Scores of different requests are not comparable and scorers have scales of their own, so each score is measured from its
request's mean and divided by that scorer's one spread within requests. Where no weights can be agreed upon, the Pareto
view asks for none.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from limner.errors import SettingsError
from limner.scoring.reward import SPREAD_FLOOR
from limner.statistics import Spread


class Judgements(NamedTuple):
    """One picture: the id of the request it answers and each scorer's value (None: could not be read)."""

    query: str
    values: Mapping[str, float | None]


def combined(rows: Sequence[Judgements], weights: Mapping[str, float]) -> list[float | None]:
    """The weighted mean over scorers of (value - its request's mean) / spread: 0 is as usual for the request.

    None where a value with a weight is missing, and for the only picture of a request, which has nothing to be
    compared with.

    Args:
        rows: all pictures that are compared.
        weights: by scorer, 0 or more; a scorer that is not named counts nothing.

    Raises:
        SettingsError: weights that are negative, not finite or all zero.
    """
    used = _checked(weights)
    usual = {name: _usual(rows, name) for name in used}
    spread = {name: max(_spread(rows, name), SPREAD_FLOOR) for name in used}
    alone = {query for query, count in _counts(rows).items() if count < 2}

    def value(row: Judgements) -> float | None:
        total = 0.0
        for name, weight in used.items():
            one = row.values.get(name)
            if one is None or row.query in alone:
                return None
            total += weight * (one - usual[name][row.query]) / spread[name]
        return total / math.fsum(used.values())

    return [value(row) for row in rows]


def fronts(rows: Sequence[Judgements]) -> list[int | None]:
    """Which Pareto front of its request each picture is on; None where a value is missing.

    1: no other picture of the request is at least as good by every scorer and better by one. 2: none of those that are
    left without the first front, and so on (non-dominated sorting, Deb et al. 2002).
    """
    placed: list[int | None] = [None] * len(rows)
    for query in dict.fromkeys(row.query for row in rows):
        left = {
            index: tuple(value for value in row.values.values() if value is not None)
            for index, row in enumerate(rows)
            if row.query == query and None not in row.values.values()
        }
        front = 1
        while left:
            best = [i for i, mine in left.items() if not any(_dominates(other, mine) for other in left.values())]
            for index in best:
                placed[index] = front
                del left[index]
            front += 1
    return placed


def _dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(a >= b for a, b in zip(one, other, strict=True)) and tuple(one) != tuple(other)


def _checked(weights: Mapping[str, float]) -> dict[str, float]:
    if not all(math.isfinite(weight) and weight >= 0 for weight in weights.values()) or not any(weights.values()):
        raise SettingsError(f"weights of scorers must be 0 or more and not all 0; got {dict(weights)}")
    return {name: weight for name, weight in weights.items() if weight}


def _by_query(rows: Sequence[Judgements], name: str) -> dict[str, list[float]]:
    groups = defaultdict(list)
    for row in rows:
        value = row.values.get(name)
        if value is not None:
            groups[row.query].append(value)
    return groups


def _usual(rows: Sequence[Judgements], name: str) -> dict[str, float]:
    return {query: math.fsum(values) / len(values) for query, values in _by_query(rows, name).items()}


def _spread(rows: Sequence[Judgements], name: str) -> float:
    return Spread.within(_by_query(rows, name).values()).sd


def _counts(rows: Sequence[Judgements]) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for row in rows:
        counts[row.query] += 1
    return counts
