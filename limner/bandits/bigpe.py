"""The bandit of BIGPE as published (arXiv 2406.08713): UCB with a fixed bonus, for scores of HPS v2 times 100.

The constant 0.8 means something on that scale alone (scores of 25 to 29). For any other reward take `ucb`.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from limner.bandits.policy import Policy
from limner.bandits.seen import Array, Seen


class Bigpe(Policy):
    """Index mean_i + c * sqrt(ln t / n_i) with c = 0.8. Pulls count when told (the released code counts lookups)."""

    name: ClassVar[str] = "bigpe"

    def __init__(self, seed: int, c: float = 0.8) -> None:
        """Take `c` in units of the reward (0 or above; 0 is greedy)."""
        super().__init__(seed)
        if not 0 <= c < math.inf:
            raise ValueError(f"the width of the bonus, c, is {c!r}; give a finite number of 0 or more")
        self._c = c

    def _parameters(self) -> dict[str, float]:
        return {"c": self._c}

    def index(self, seen: Seen, rng: np.random.Generator) -> Array:
        """mean_i + c * sqrt(ln t / n_i)."""
        return seen.means + self._c * np.sqrt(np.log(seen.t) / seen.counts)
