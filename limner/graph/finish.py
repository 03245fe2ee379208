"""The nodes that end a run: `choose` (the final choice, on validation queries) and `tabulate` (the held-out table)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from limner.bandits import Choice, bandit
from limner.errors import BudgetSpent
from limner.graph.deps import EvolveDeps
from limner.graph.rewarding import rewarded
from limner.graph.state import EvolveState, Phase, Shot


def choose(deps: EvolveDeps, state: EvolveState) -> dict[str, Any]:
    """Take the instruction with the best mean reward on the validation queries; the start instruction competes too.

    Without validation pictures (the budget ran out) the search's own ranking decides.

    Raises:
        BudgetSpent: not one instruction was measured.
    """
    if not drawn_in(state, "validation"):
        order = deps.bandit(state["bandit"]).ranked()
        if not order:
            resource = state["spent"] or "pictures"
            raise BudgetSpent(resource, f"The budget of {resource} was spent before one round was done. Raise it.")
        return {"best": order[0], "phase": "held_out"}
    assert state["batch"] is not None
    shots, spread = rewarded(deps.settings, state["shots"], state["spread"])
    arms = state["batch"]["arms"]
    chosen = _chosen(shots, arms)
    return {
        "best": chosen.arm if chosen else deps.bandit(state["bandit"]).ranked()[0],
        "phase": "held_out",
        "spread": spread,
        "validation": {arm: rewards_of(shots, arm) for arm in arms},
        "p_within_epsilon": chosen and chosen.p_within_epsilon,
    }


def _chosen(shots: Sequence[Shot], arms: Sequence[str]) -> Choice | None:
    """The arm of highest mean reward on these pictures alone, and how sure that is; None without any reward."""
    policy = bandit("greedy", seed=0)
    for arm in arms:
        policy.add(arm)
    told = [shot for shot in shots if shot["reward"] is not None]
    for shot in told:
        policy.tell(shot["arm"], shot["reward"] or 0.0, pair=(shot["query"], shot["seed"]))
    return policy.best() if told else None


def drawn_in(state: EvolveState, phase: Phase) -> bool:
    """Whether the shots at hand are a whole batch of this phase."""
    return not state["spent"] and state["batch"] is not None and state["batch"]["phase"] == phase


def rewards_of(shots: Sequence[Shot], arm: str) -> list[float | None]:
    """An arm's rewards in the order of the batch's queries."""
    return [shot["reward"] for shot in shots if shot["arm"] == arm]


def tabulate(deps: EvolveDeps, state: EvolveState) -> dict[str, Any]:
    """Reward the held-out shots in the unit of the final choice, so that its gain can be held against theirs."""
    if not drawn_in(state, "held_out"):
        return {"final": []}
    shots, _ = rewarded(deps.settings, state["shots"], state["spread"], pooled=False)
    return {"final": shots}
