"""UCB1 as published (Auer, Cesa-Bianchi and Fischer, Machine Learning 47, 2002, figure 1), for rewards in [0, 1].

What textbooks and libraries mean by UCB. On rewards that fill little of [0, 1] it pulls all arms alike; take `ucb`, the
same bound in units of the observed noise, for those.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from limner.bandits.policy import Policy
from limner.bandits.seen import Array, Seen


class Ucb1(Policy):
    """Index mean_j + sqrt(2 ln n / n_j); the paper's n is our t."""

    name: ClassVar[str] = "ucb1"

    def index(self, seen: Seen, rng: np.random.Generator) -> Array:
        """mean_j + sqrt(2 ln n / n_j)."""
        return seen.means + np.sqrt(2 * np.log(seen.t) / seen.counts)
