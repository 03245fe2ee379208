"""How far a judge's numbers can be believed: area under the ROC curve, reliability, and who wins of two."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from limner.bench.world.asking import calibration_error
from limner.statistics import mean_interval

BINS = 10
_STEPS = 60


class Duel(NamedTuple):
    """Two pictures of one case: how much more the oracle's utility and a judge's score have for the first."""

    case: str
    gap: float
    scored: float


def auc(scores: Sequence[float], truths: Sequence[bool]) -> float | None:
    """Probability that a true one scores above a false one, ties for half (Mann and Whitney 1947).

    None where all are true, or all false.
    """
    y = np.asarray(truths, dtype=bool)
    positive, negative = int(y.sum()), int((~y).sum())
    if not positive or not negative:
        return None
    _, place, counts = np.unique(np.asarray(scores, dtype=float), return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2  # of equal values their mean, from 1
    total = float(ranks[place][y].sum())
    return (total - positive * (positive + 1) / 2) / (positive * negative)


def reliability(p: Sequence[float], truths: Sequence[bool]) -> list[dict[str, float]]:
    """Per bin of P: its mean, the share that is true, and how many there are; empty bins are left out."""
    predicted, y = np.asarray(p, dtype=float), np.asarray(truths, dtype=float)
    bins = np.minimum((predicted * BINS).astype(int), BINS - 1)
    return [
        {
            "p": float(predicted[bins == at].mean()),
            "share": float(y[bins == at].mean()),
            "count": int((bins == at).sum()),
        }
        for at in sorted(set(bins.tolist()))
    ]


def calibrated(p: Sequence[float], truths: Sequence[bool]) -> dict[str, Any]:
    """AUC, calibration error, Brier score and reliability curve of probabilities."""
    brier = float(np.mean((np.asarray(p) - np.asarray(truths, dtype=float)) ** 2)) if len(p) else None
    return {
        "auc": auc(p, truths),
        "calibration_error": calibration_error(p, truths),
        "brier": brier,
        "count": len(p),
        "reliability": reliability(p, truths) if len(p) else [],
    }


def agreement(duels: Sequence[Duel]) -> dict[str, Any] | None:
    """Share of duels that a judge decides as the oracle does, a tie for half; the interval is over cases.

    Pairs of one case share its luck, so a case counts once however many pairs it has.
    """
    by_case: defaultdict[str, list[float]] = defaultdict(list)
    for duel in duels:
        if duel.gap:
            by_case[duel.case].append(0.5 if duel.scored == 0 else float((duel.scored > 0) == (duel.gap > 0)))
    interval = mean_interval([math.fsum(right) / len(right) for right in by_case.values()])
    return interval and {**interval._asdict(), "pairs": sum(map(len, by_case.values())), "cases": len(by_case)}


def preference_chances(duels: Sequence[Duel]) -> tuple[list[float], list[bool]]:
    """What a judge's difference says about who wins, as a probability, and who does by the oracle.

    P = 1 / (1 + exp(-scale x difference)); the scale of one half of the cases is fitted on the other half.
    """
    cases = sorted({duel.case for duel in duels})
    half = set(cases[::2])
    p: list[float] = []
    truths: list[bool] = []
    for first in (True, False):
        fitted = [duel for duel in duels if duel.gap and (duel.case in half) is first]
        tested = [duel for duel in duels if duel.gap and (duel.case in half) is not first]
        scale = _scale(fitted)
        p += [1 / (1 + math.exp(-max(-700.0, min(700.0, scale * duel.scored)))) for duel in tested]
        truths += [duel.gap > 0 for duel in tested]
    return p, truths


def _scale(duels: Sequence[Duel]) -> float:
    """The scale of most likelihood, by bisection of the slope, which falls as the scale rises; 0 at least."""
    if not duels:
        return 0.0
    scored = np.array([duel.scored if duel.gap > 0 else -duel.scored for duel in duels])
    high = 50.0 / max(float(np.abs(scored).mean()), 1e-9)
    low = 0.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        slope = float((scored / (1 + np.exp(np.clip(middle * scored, -700, 700)))).sum())
        low, high = (middle, high) if slope > 0 else (low, middle)
    return (low + high) / 2
