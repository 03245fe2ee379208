"""The search's reward: a picture's taste score, made comparable between queries, and its answered questions.

reward = taste weight x z(taste) + questions weight x mean(P(yes) - P(no)). Taste is centred per query and round, so an
easy query favours nobody: on its references (professional prompts, the same yardstick in all rounds; questions are then
measured from them too), or without any on all its pictures, which rise as instructions improve. It is divided by ONE
spread within queries, pooled over all rounds: by its own, a query whose pictures hardly differ would shout the loudest.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
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
    """One picture of a round: the id of the query it answers and what each judge said (None: could not be read).

    A `reference` is what the other pictures of its query are measured from.
    """

    query: str
    taste: float | None
    questions: float | None
    reference: bool = False


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
    tastes = _by_query(rows, _taste)
    spread = Spread.within(tastes.values()).and_also(before or Spread())
    scale = max(spread.sd, SPREAD_FLOOR)
    references = [row for row in rows if row.reference]
    taste_from = _means({**tastes, **_by_query(references, _taste)})
    questions_from = _means(_by_query(references, _questions))
    values = tuple(_reward(row, weights, taste_from, questions_from, scale) for row in rows)
    return Rewards(values, sum(value is None for value in values), spread)


def _taste(row: Judged) -> float | None:
    return row.taste


def _questions(row: Judged) -> float | None:
    return row.questions


def _by_query(rows: Sequence[Judged], said: Callable[[Judged], float | None]) -> dict[str, list[float]]:
    grouped = defaultdict(list)
    for row in rows:
        value = said(row)
        if value is not None:
            grouped[row.query].append(value)
    return grouped


def _means(grouped: Mapping[str, Sequence[float]]) -> dict[str, float]:
    return {query: math.fsum(values) / len(values) for query, values in grouped.items()}


def _reward(
    row: Judged,
    weights: RewardWeights,
    taste_from: Mapping[str, float],
    questions_from: Mapping[str, float],
    scale: float,
) -> float | None:
    value = 0.0
    if weights.taste:
        if row.taste is None:
            return None
        value += weights.taste * (row.taste - taste_from[row.query]) / scale
    if weights.questions:
        if row.questions is None:
            return None
        value += weights.questions * (row.questions - questions_from.get(row.query, 0.0))
    return value
