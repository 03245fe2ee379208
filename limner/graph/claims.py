"""What the held-out table lets a run claim: differences paired by query, and whether a judge that never steered agrees.

A gain is significant when the interval of evolved minus start in reward lies above 0. The reward is what was searched
for, so it alone may be hacked: where an acceptance judge was given, its loss beside that gain is flagged.
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
    "fell by {loss}. Do not use this instruction before looking at its pictures."
)
UNCONFIRMED = "The acceptance judge does not confirm the gain: evolved minus start is {difference} by it."
PARTLY = "The gain in reward hides a loss in {judge}: evolved minus start is {difference} by it."


@dataclass(frozen=True, slots=True)
class Claims:
    """Differences by name in reward and in acceptance, and what follows from them."""

    differences: dict[str, Interval]
    acceptance: dict[str, Interval]
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
    gain, accepted = differences.get(GAIN), acceptance.get(GAIN)
    significant = gain is not None and _above(gain)
    hacked = significant and accepted is not None and _below(accepted)
    notes: list[str] = []
    if gain is not None and accepted is not None and significant and not _above(accepted):
        said = HACKED.format(gain=_said(gain), loss=_said(_turned(accepted)))
        notes.append(said if hacked else UNCONFIRMED.format(difference=_said(accepted)))
    if significant:
        notes += _hidden_losses(columns)
    return Claims(differences, acceptance, significant, hacked, tuple(notes))


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
