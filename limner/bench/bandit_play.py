"""A policy played on a block of worlds at once, by the very arithmetic that it runs in a search."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from limner.bandits import Policy
from limner.bandits.seen import Seen
from limner.bench.bandit_worlds import PULLS, Block


class Played(NamedTuple):
    """Regret per world: of the final choice (simple), and of the pulls on the way (their mean)."""

    final: NDArray[np.float64]
    pulls: NDArray[np.float64]


def play(policy: Policy, block: Block, seed: int) -> Played:
    """Pull, tell, choose; ties and draws come from `seed`."""
    rng = np.random.default_rng(seed)
    parents = block.setting.parents()
    everyone = Seen.nothing(np.broadcast_to(parents, block.means.shape[:2]))
    made = np.zeros(block.means.shape[:2], np.intp)
    lost = np.zeros(len(made))
    rows = np.arange(len(made))
    for t in range(PULLS):
        seen = everyone.first(block.come(t))
        arm = policy.pull(seen, rng)
        seen.record(arm, block.reward(arm, made[rows, arm], t), policy.gamma)
        made[rows, arm] += 1
        lost += block.regret(arm, t)
    return Played(block.regret(policy.choice(everyone), PULLS), lost / PULLS)
