"""Fixed-budget elimination: rounds of even pulls, after each of which the worst arms are out.

What `halving` and `rejects` have in common. Who is out is read off the counts (an arm that is out is never pulled past
its last round), so nothing needs to be remembered, and arms may come at any time: they catch up first. Without a budget
the schedule is that of the smallest doubled budget not yet spent (the doubling trick). Pulls beyond the last round go
to the arm that is left.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from limner.bandits.policy import Policy
from limner.bandits.seen import Array, Seen


class Round(NamedTuple):
    """Pulls that each arm still in has at the end, all rounds together, and how many arms stay. Shapes (..., 1)."""

    pulls: Array
    stay: Array


class Elimination(Policy):
    """A policy up to its schedule."""

    def __init__(self, seed: int, budget: int | None = None) -> None:
        """Spend `budget` pulls in all; None where that is not known beforehand."""
        super().__init__(seed)
        if budget is not None and budget < 1:
            raise ValueError(f"the budget is {budget!r} pulls; give 1 or more, or None")
        self._budget = budget

    def _parameters(self) -> dict[str, float]:
        return {} if self._budget is None else {"budget": self._budget}

    @abstractmethod
    def _rounds(self, arms: Array, budget: Array) -> Iterator[Round]:
        """The schedule for so many arms and pulls, both of shape (..., 1); as many rounds as the longest search has."""

    @abstractmethod
    def _shortest(self, arms: Array) -> Array:
        """The smallest budget for which the schedule makes sense."""

    def index(self, seen: Seen, rng: np.random.Generator) -> Array:
        """-n_i for arms of this round that lack pulls; less for the others still in; less again for those out."""
        lasted, due = self._progress(seen, rng)
        still_in = np.equal(lasted, lasted.max(-1, keepdims=True))
        return -seen.pulls - 2 * seen.t * np.where(due, 0.0, np.where(still_in, 1.0, 2.0))

    def standing(self, seen: Seen, rng: np.random.Generator) -> Array:
        """Rounds survived, then mean."""
        return self._merit(seen, rng)

    def merit(self, seen: Seen) -> Array:
        """Rounds survived, then mean."""
        return self._merit(seen, None)

    def _merit(self, seen: Seen, rng: np.random.Generator | None) -> Array:
        lasted, _ = self._progress(seen, rng)
        lowest, highest = seen.mean.min(-1, keepdims=True), seen.mean.max(-1, keepdims=True)
        spread = np.where(highest > lowest, highest - lowest, 1.0)
        return np.asarray(lasted + (seen.mean - lowest) / (2 * spread))

    def _progress(self, seen: Seen, rng: np.random.Generator | None) -> tuple[Array, NDArray[np.bool_]]:
        """Rounds survived by each arm, and which arms lack pulls in the round that is not over."""
        arms: Array = np.maximum(seen.in_play.sum(-1, keepdims=True), 1.0)
        still_in = seen.in_play
        lasted, needed, running = np.zeros(seen.n.shape), np.full(arms.shape, np.inf), np.ones(arms.shape, bool)
        for this in self._rounds(arms, self._horizon(seen, arms)):
            over = running & (~still_in | (seen.pulls >= this.pulls)).all(-1, keepdims=True)
            needed = np.where(running & ~over, this.pulls, needed)
            running = over
            if not over.any():
                break
            stays = still_in & (_places(still_in, seen.pulls > this.pulls, seen.mean, rng) < this.stay)
            still_in = np.where(over, stays, still_in)
            lasted += over & stays
        return lasted, still_in & (seen.pulls < needed)

    def _horizon(self, seen: Seen, arms: Array) -> Array:
        if self._budget is not None:
            return np.full(arms.shape, float(self._budget))
        shortest = self._shortest(arms)
        return shortest * 2.0 ** np.ceil(np.log2(np.maximum((seen.t + 1) / shortest, 1.0)))


def _places(
    still_in: NDArray[np.bool_], past: NDArray[np.bool_], mean: Array, rng: np.random.Generator | None
) -> Array:
    """Place of each arm: those still in first, of these the ones already pulled past the round, then by mean."""
    ties = np.zeros(mean.shape) if rng is None else rng.random(mean.shape)
    order = np.lexsort((ties, -mean, ~past, ~still_in), axis=-1)
    places: Array = order.argsort(-1).astype(float)
    return places
