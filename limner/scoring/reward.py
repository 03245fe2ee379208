"""The search's reward: a picture's taste score, made comparable between queries, and its answered questions.

reward = taste weight x z(taste) + questions weight x mean(P(yes) - P(no)). Taste is centred on the mean of the pictures
of the same query and round, so an easy query favours nobody. It is divided by ONE spread within queries, pooled over
all queries and rounds so far: divided by its own, a query whose pictures hardly differ would shout the loudest.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from limner.errors import SettingsError
from limner.statistics import Spread

SPREAD_FLOOR = 0.01
"""Least divisor of taste, in points of cosine x 100: smaller differences are rounding of the model's own arithmetic."""


@dataclass(frozen=True, slots=True)
class RewardWeights:
    """How much each judge weighs; a weight of 0 switches a judge off, and its judgement is then not needed."""

    taste: float = 0.5
    questions: float = 0.5

    def __post_init__(self) -> None:
        """Refuse weights that are negative, not finite or all zero."""
        both = (self.taste, self.questions)
        if not all(math.isfinite(weight) and weight >= 0 for weight in both) or not any(both):
            raise SettingsError(
                f"reward weights must be 0 or more and not both 0; got {self}; the default is 0.5 and 0.5"
            )


@dataclass(frozen=True, slots=True)
class Judged:
    """One picture of a round: the id of the query it answers and what each judge said (None: could not be read)."""

    query: str
    taste: float | None
    questions: float | None


class Rewards(NamedTuple):
    """Rewards in the order of the pictures (None where a judgement is missing), and the spread to pass on."""

    values: tuple[float | None, ...]
    missing: int
    spread: Spread


def rewards(rows: Sequence[Judged], weights: RewardWeights | None = None, before: Spread | None = None) -> Rewards:
    """Reward every picture of one round.

    Args:
        rows: all pictures of the round, of all instructions: they are what z compares.
        weights: 0.5 and 0.5 unless given.
        before: the spread of taste within queries in earlier rounds (`Rewards.spread` of the last one).
    """
    weights = weights or RewardWeights()
    by_query = _taste_by_query(rows)
    spread = Spread.within(by_query.values()).and_also(before or Spread())
    centres = {query: math.fsum(tastes) / len(tastes) for query, tastes in by_query.items()}
    scale = max(spread.sd, SPREAD_FLOOR)
    values = tuple(_reward(row, weights, centres.get(row.query, 0.0), scale) for row in rows)
    return Rewards(values, sum(value is None for value in values), spread)


def _taste_by_query(rows: Sequence[Judged]) -> dict[str, list[float]]:
    grouped = defaultdict(list)
    for row in rows:
        if row.taste is not None:
            grouped[row.query].append(row.taste)
    return grouped


def _reward(row: Judged, weights: RewardWeights, centre: float, scale: float) -> float | None:
    value = 0.0
    if weights.taste:
        if row.taste is None:
            return None
        value += weights.taste * (row.taste - centre) / scale
    if weights.questions:
        if row.questions is None:
            return None
        value += weights.questions * row.questions
    return value
