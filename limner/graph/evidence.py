"""Answers behind held-out scores as rows of the state, and as parts of the result."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TypedDict

from limner.results import Heard
from limner.types import Failure, Score

DISAGREEMENT = (
    "Asked in two wordings, the answers of {judge} differ by {mean:.2f} on average over {count} questions about "
    "held-out pictures; that much of P(yes) is a guess."
)


class EvidenceRow(TypedDict):
    """A `Heard` as JSON."""

    judge: str
    question: str
    kind: str
    p_yes: float | None
    again: float | None
    reason: str
    rung: str


def rows_of(score: Score | Failure, judge: str) -> list[EvidenceRow]:
    """The answers behind a score; none behind one that failed."""
    if isinstance(score, Failure):
        return []
    return [
        EvidenceRow(
            judge=judge,
            question=one.question.text,
            kind=one.question.kind,
            p_yes=_finite(one.answer.p_yes),
            again=_finite(one.again.p_yes) if one.again else None,
            reason=one.answer.reason,
            rung=one.answer.rung,
        )
        for one in score.evidence
    ]


def heard(rows: Iterable[EvidenceRow]) -> tuple[Heard, ...]:
    """Rows as the result has them."""
    return tuple(Heard(**row) for row in rows)


def disagreements(evidence: Sequence[EvidenceRow]) -> list[str]:
    """A remark for each judge that was asked in two wordings."""
    notes = []
    for judge in dict.fromkeys(row["judge"] for row in evidence):
        apart = [
            abs(row["p_yes"] - row["again"])
            for row in evidence
            if row["judge"] == judge and row["p_yes"] is not None and row["again"] is not None
        ]
        if apart:
            notes.append(DISAGREEMENT.format(judge=judge, mean=math.fsum(apart) / len(apart), count=len(apart)))
    return notes


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
