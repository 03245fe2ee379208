"""What the held-out table lets a run claim: differences paired by query, and whether a judge that never steered agrees.

A gain is significant when the interval of evolved minus start in reward lies above 0. The reward is what was searched
for, so it alone may be hacked: where an acceptance judge was given, its loss beside that gain is flagged, and its loss
without one is noted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from limner.graph.state import Shot
from limner.statistics import paired_difference
from limner.types import Interval

BASELINES = ("start", "professional", "plain")
GAIN = "evolved_minus_start"

HACKED = (
    "Reward hacking: the scores that steered the search rose by {gain}, and the acceptance judge, which did not steer, "
    "fell by {loss}{by}. Do not use this instruction before looking at its pictures."
)
FALLEN = (
    "The acceptance judge, which did not steer, fell by {loss}{by}, and the reward did not rise significantly. Look at "
    "the pictures before using this instruction."
)
UNCONFIRMED = "The acceptance judge does not confirm the gain: evolved minus start is {difference} by it{by}."
PARTLY = "The gain in reward hides a loss in {judge}: evolved minus start is {difference} by it."


@dataclass(frozen=True, slots=True)
class Claims:
    """Differences by name in reward and in acceptance, and what follows from them."""

    differences: dict[str, Interval]
    acceptance: dict[str, Interval]
    acceptance_questions: dict[str, Interval]
    significant: bool
    reward_hacking: bool
    notes: tuple[str, ...]


def claims(columns: Mapping[str, Sequence[Shot]]) -> Claims:
    """Compare the evolved column with each other one.

    Args:
        columns: the held-out shots of each column of the final table.
    """
    differences = _differences(columns, lambda shot: shot["reward"])
    acceptance = _differences(columns, lambda shot: shot["acceptance"])
    asked = _differences(columns, lambda shot: shot.get("acceptance_questions"))
    gain = differences.get(GAIN)
    significant = gain is not None and _above(gain)
    accepted = {"": acceptance.get(GAIN), " (by its questions)": asked.get(GAIN)}
    told = {by: change for by, change in accepted.items() if change is not None}
    if gain is None or not significant:
        fallen = [FALLEN.format(loss=_said(_turned(change)), by=by) for by, change in told.items() if _below(change)]
        return Claims(differences, acceptance, asked, False, False, tuple(fallen))
    notes = [_unaccepted(gain, change, by) for by, change in told.items() if not _above(change)]
    hacked = any(_below(change) for change in told.values())
    return Claims(differences, acceptance, asked, True, hacked, (*notes, *_hidden_losses(columns)))


def _unaccepted(gain: Interval, change: Interval, by: str) -> str:
    """What is said of a gain that an acceptance judge does not see, or takes back."""
    if _below(change):
        return HACKED.format(gain=_said(gain), loss=_said(_turned(change)), by=by)
    return UNCONFIRMED.format(difference=_said(change), by=by)


def _hidden_losses(columns: Mapping[str, Sequence[Shot]]) -> list[str]:
    parts = {
        "taste": _differences(columns, lambda shot: shot["taste"]).get(GAIN),
        "questions": _differences(columns, lambda shot: shot["questions"]).get(GAIN),
    }
    lost = {judge: change for judge, change in parts.items() if change is not None and _below(change)}
    return [PARTLY.format(judge=judge, difference=_said(change)) for judge, change in lost.items()]


def _differences(columns: Mapping[str, Sequence[Shot]], value: Callable[[Shot], float | None]) -> dict[str, Interval]:
    values = {name: {shot["query"]: value(shot) for shot in shots} for name, shots in columns.items()}
    return {
        f"evolved_minus_{name}": difference
        for name in BASELINES
        if (difference := paired_difference(values["evolved"], values[name])) is not None
    }


def _above(interval: Interval) -> bool:
    return interval.low is not None and interval.low > 0


def _below(interval: Interval) -> bool:
    return interval.high is not None and interval.high < 0


def _turned(interval: Interval) -> Interval:
    low, high = interval.low, interval.high
    return Interval(-interval.mean, None if high is None else -high, None if low is None else -low)


def _said(interval: Interval) -> str:
    mean, low, high = interval
    return f"{mean:.3g}" if low is None or high is None else f"{mean:.3g} [{low:.3g}, {high:.3g}]"
