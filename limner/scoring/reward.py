"""The search's reward: a picture's taste score, made comparable between queries, and its answered questions.

reward = taste weight x z(taste) + questions weight x z(mean(P(yes) - P(no))). Taste is centred per query and round, so
an easy query favours nobody: on its references (professional prompts, the same yardstick in all rounds; questions are
then measured from them too), or without any on all its pictures, which rise as instructions improve. Each judge is
divided by ONE spread of its own within queries, pooled over all rounds: equal weights then mean equal say, and a query
whose pictures hardly differ does not shout the loudest.
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
QUESTIONS_GUESS = Spread(4, 4 * 0.3**2)
"""What is believed of the questions' spread before anything is known: answers lie between -1 and 1."""


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


class Spreads(NamedTuple):
    """How far each judge's scores vary within a query."""

    taste: Spread = Spread()
    questions: Spread = QUESTIONS_GUESS

    @property
    def units(self) -> dict[str, float]:
        """What each judge's scores are divided by: a standard deviation within a query."""
        return {"taste": max(self.taste.sd, SPREAD_FLOOR), "questions": self.questions.sd}


class Rewards(NamedTuple):
    """Rewards in the order of the pictures (None where a judgement is missing), and the spreads to pass on."""

    values: tuple[float | None, ...]
    missing: int
    spreads: Spreads


class _Yardstick(NamedTuple):
    """Where one judge's scores are measured from, by query, and in what unit."""

    weight: float
    zero: Mapping[str, float]
    unit: float


def rewards(
    rows: Sequence[Judged],
    weights: RewardWeights | None = None,
    before: Spreads | None = None,
    *,
    pooled: bool = True,
) -> Rewards:
    """Reward every picture of one round.

    Args:
        rows: all pictures of the round, of all instructions: they are what z compares.
        weights: 0.5 and 0.5 unless given.
        before: the spreads within queries in earlier rounds (`Rewards.spreads` of the last one).
        pooled: whether these pictures' own spread counts, too. Otherwise that of `before` is the unit, so that rewards
            can be compared with earlier ones (unless nothing is known from before).
    """
    weights, before = weights or RewardWeights(), before or Spreads()
    tastes, answers = _by_query(rows, _taste), _by_query(rows, _questions)
    spreads = Spreads(_spread(tastes, before.taste, pooled), _spread(answers, before.questions, pooled))
    references = [row for row in rows if row.reference]
    taste_from = _means({**tastes, **_by_query(references, _taste)})
    questions_from = _means(_by_query(references, _questions))
    units = spreads.units
    taste = _Yardstick(weights.taste, taste_from, units["taste"])
    questions = _Yardstick(weights.questions, questions_from, units["questions"])
    values = tuple(
        _sum(_share(row.query, row.taste, taste), _share(row.query, row.questions, questions)) for row in rows
    )
    return Rewards(values, sum(value is None for value in values), spreads)


def _spread(scores: Mapping[str, Sequence[float]], before: Spread, pooled: bool) -> Spread:
    return Spread.within(scores.values()).and_also(before) if pooled or not before.freedom else before


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


def _share(query: str, said: float | None, by: _Yardstick) -> float | None:
    """What a judge adds to the reward: nothing if it is switched off, None if it could not be read."""
    if not by.weight:
        return 0.0
    return None if said is None else by.weight * (said - by.zero.get(query, 0.0)) / by.unit


def _sum(*shares: float | None) -> float | None:
    told = [share for share in shares if share is not None]
    return sum(told) if len(told) == len(shares) else None
