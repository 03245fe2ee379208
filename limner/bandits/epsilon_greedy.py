"""Epsilon-greedy: any arm with probability epsilon, else the arm of highest mean. An option of BIGPE, with 0.1."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from limner.bandits.greedy import Greedy
from limner.bandits.seen import Array, Seen


class EpsilonGreedy(Greedy):
    """Greedy, except that each pull, and each place among the survivors, goes to chance with probability epsilon."""

    name: ClassVar[str] = "epsilon-greedy"

    def __init__(self, seed: int, epsilon: float = 0.1) -> None:
        """Explore with probability `epsilon` in [0, 1]."""
        super().__init__(seed)
        if not 0 <= epsilon <= 1:
            raise ValueError(f"the probability of exploring, epsilon, is {epsilon!r}; give a number from 0 to 1")
        self._epsilon = epsilon

    def _parameters(self) -> dict[str, float]:
        return {"epsilon": self._epsilon}

    def index(self, seen: Seen, rng: np.random.Generator) -> Array:
        """mean_i, or the same for all arms in a search whose turn it is to explore."""
        explore = rng.random((*seen.n.shape[:-1], 1)) < self._epsilon
        return np.where(explore, 0.0, super().index(seen, rng))
