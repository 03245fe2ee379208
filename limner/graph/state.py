"""The state of an evolve run: one TypedDict of plain JSON types and ids, with a named reducer per accumulating field.

Pictures are hashes, never bytes, so a checkpoint stays small however large the pictures are. What one batch of drawing
produces is kept for that batch alone; the history that the critic reads is bounded.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from limner.graph.evidence import EvidenceRow

Phase = Literal["search", "validation", "held_out"]
HISTORY = 2000
"""Trials that the critic can look back on; older ones are forgotten, so memory does not grow with the run."""

PLAIN, PROFESSIONAL = "plain", "professional"
"""Names that stand where an arm's id would: the request as it is, and a prompt of the database."""


class InstructionRow(TypedDict):
    """An `Instruction` as JSON."""

    text: str
    parent: str | None
    round: int
    reason: str


class Batch(TypedDict):
    """What is drawn together: every arm for every query, with one picture seed per query (common random numbers)."""

    number: int
    phase: Phase
    arms: list[str]
    queries: list[str]


class Written(TypedDict):
    """One prompt to be drawn: who wrote it, for which query."""

    batch: int
    arm: str
    query: str
    prompt: str
    negative: str


class Shot(Written):
    """A written prompt with its picture (None if it could not be drawn) and what the judges said of it."""

    seed: int
    picture: str | None
    taste: float | None
    questions: float | None
    acceptance: float | None
    """Of the judge that never steers; held-out pictures alone have it, what follows too."""
    acceptance_questions: NotRequired[float | None]
    evidence: NotRequired[list[EvidenceRow]]
    reward: float | None


class ArmStats(TypedDict):
    """What the search knows of one instruction: pulls, sum and sum of squares of its rewards."""

    pulls: int
    total: float
    squares: float
    dropped_in: int | None


class QuestionRow(TypedDict):
    """A `Question` as JSON."""

    text: str
    kind: str
    needs: list[str]


def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Later entries win."""
    return {**old, **new}


def of_batch(old: list[Any], new: list[Any]) -> list[Any]:
    """Rows of one batch are gathered; the first rows of another batch replace them."""
    if not new or not old or old[0]["batch"] == new[0]["batch"]:
        return [*old, *new]
    return list(new)


def newest(old: list[Any], new: list[Any]) -> list[Any]:
    """Append, and forget all but the newest `HISTORY` rows."""
    return [*old, *new][-HISTORY:]


def appended(old: list[Any], new: list[Any]) -> list[Any]:
    """Append."""
    return [*old, *new]


def added(old: dict[str, int], new: dict[str, int]) -> dict[str, int]:
    """Add counts by name."""
    return {name: old.get(name, 0) + new.get(name, 0) for name in old | new}


def first(old: str | None, new: str | None) -> str | None:
    """What was said first stands."""
    return old or new


class EvolveState(TypedDict):
    """Everything that an evolve run must remember between two nodes."""

    round: int
    phase: Phase
    batch: Batch | None
    batches: int
    pool: list[str]
    instructions: Annotated[dict[str, InstructionRow], merged]
    arms: Annotated[dict[str, ArmStats], merged]
    bandit: dict[str, Any]
    spread: dict[str, list[float]]
    """Pooled within-query spread of each judge's scores so far: [degrees of freedom, sum of squares]."""
    questions: Annotated[dict[str, list[QuestionRow]], merged]
    written: Annotated[list[Written], of_batch]
    shots: list[Shot]
    history: Annotated[list[Shot], newest]
    worst: str | None
    survivors: list[str]
    improvements: list[str]
    exhausted: bool
    goes_on: bool
    """Whether another round follows the one that is being learned from, unless no child is left to be born."""
    rounds: Annotated[list[dict[str, Any]], appended]
    validation: dict[str, list[float | None]]
    best: str | None
    p_within_epsilon: float | None
    """How likely no finalist is better than `best` by more than a tenth of one picture's noise."""
    final: list[Shot]
    failures: Annotated[dict[str, int], added]
    spent: Annotated[str | None, first]
    stop_reason: str | None
