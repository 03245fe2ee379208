"""How instructions are ranked by what the search measured of them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from limner.graph.state import ArmStats, EvolveState


def pooled_sd(arms: Sequence[ArmStats]) -> float:
    """Standard deviation of rewards within arms, pooled over all; 1 until some arm has two pulls."""
    freedom = sum(max(arm["pulls"] - 1, 0) for arm in arms)
    if freedom == 0:
        return 1.0
    squares = sum(arm["squares"] - arm["total"] ** 2 / arm["pulls"] for arm in arms if arm["pulls"])
    return math.sqrt(max(squares, 0.0) / freedom)


def lower_bound(arm: ArmStats, sd: float) -> float:
    """Mean reward less one standard error: what an arm surely has, so that one lucky pull does not win."""
    return arm["total"] / arm["pulls"] - sd / math.sqrt(arm["pulls"])


def ranked(state: EvolveState) -> list[str]:
    """Every instruction that was pulled, best lower bound first; equal ones in order of birth."""
    pulled = {name: arm for name, arm in state["arms"].items() if arm["pulls"]}
    sd = pooled_sd(list(pulled.values()))
    return sorted(pulled, key=lambda name: -lower_bound(pulled[name], sd))
