"""The nodes that end a run: `choose` (the final choice, on validation queries) and `tabulate` (the held-out table)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from limner.errors import BudgetSpent
from limner.graph.deps import EvolveDeps
from limner.graph.ranking import ranked
from limner.graph.rewarding import rewarded
from limner.graph.state import EvolveState, Phase, Shot
from limner.statistics import mean_interval


def choose(deps: EvolveDeps, state: EvolveState) -> dict[str, Any]:
    """Take the instruction with the best mean reward on the validation queries; the start instruction competes too.

    Without validation pictures (the budget ran out) the search's own ranking decides.

    Raises:
        BudgetSpent: not one instruction was measured.
    """
    if not drawn_in(state, "validation"):
        order = ranked(state)
        if not order:
            resource = state["spent"] or "pictures"
            raise BudgetSpent(resource, f"The budget of {resource} was spent before one round was done. Raise it.")
        return {"best": order[0], "phase": "held_out"}
    assert state["batch"] is not None
    shots, _ = rewarded(deps.settings, state["shots"], state["spread"])
    by_arm = {arm: rewards_of(shots, arm) for arm in state["batch"]["arms"]}
    means = {arm: mean_interval(rewards) for arm, rewards in by_arm.items()}
    measured = {arm: interval.mean for arm, interval in means.items() if interval is not None}
    best = max(measured, key=lambda arm: measured[arm]) if measured else ranked(state)[0]
    return {"best": best, "phase": "held_out", "validation": by_arm}


def drawn_in(state: EvolveState, phase: Phase) -> bool:
    """Whether the shots at hand are a whole batch of this phase."""
    return not state["spent"] and state["batch"] is not None and state["batch"]["phase"] == phase


def rewards_of(shots: Sequence[Shot], arm: str) -> list[float | None]:
    """An arm's rewards in the order of the batch's queries."""
    return [shot["reward"] for shot in shots if shot["arm"] == arm]


def tabulate(deps: EvolveDeps, state: EvolveState) -> dict[str, Any]:
    """Reward the held-out shots of all columns together, so that they stand on one scale."""
    if not drawn_in(state, "held_out"):
        return {"final": []}
    shots, _ = rewarded(deps.settings, state["shots"], state["spread"])
    return {"final": shots}
