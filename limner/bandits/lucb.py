"""LUCB: of the leader and the rival that could most likely beat it, pull the one known less.

Kalyanakrishnan, Tewari, Auer and Stone, ICML 2012, for one best arm, with its bound beta in units of the observed noise
(the paper's rewards lie in [0, 1] and have noise of at most one half).
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from limner.bandits.policy import Policy
from limner.bandits.seen import Array, Seen

K1 = 1.25
"""The paper's k_1 (section 3.3)."""


class Lucb(Policy):
    """Pulls h = argmax mean or l = argmax over others of mean + beta(n, t), beta = s sqrt(2 ln(k_1 K t^4 / delta) / n).

    The paper pulls both in each round. They have made sure at confidence 1 - `delta` of an arm within epsilon once
    mean_l + beta_l < mean_h - beta_h + epsilon; `limner.bandits.verdict` says when to stop for any policy.
    """

    name: ClassVar[str] = "lucb"

    def __init__(self, seed: int, delta: float = 0.1) -> None:
        """Accept a wrong choice with probability `delta` in (0, 1)."""
        super().__init__(seed)
        if not 0 < delta < 1:
            raise ValueError(f"the probability of a wrong choice, delta, is {delta!r}; give a number between 0 and 1")
        self._delta = delta

    def _parameters(self) -> dict[str, float]:
        return {"delta": self._delta}

    def index(self, seen: Seen, rng: np.random.Generator) -> Array:
        """-n_i for h and l; less for all others."""
        means = np.where(seen.in_play, seen.means, -np.inf)
        h = _one_of_the_highest(means, rng)
        arms = seen.in_play.sum(-1, keepdims=True)
        beta = np.sqrt(2 * seen.noise() * np.log(K1 * arms * seen.t**4 / self._delta) / seen.counts)
        rival = _one_of_the_highest(np.where(h, -np.inf, means + beta), rng)
        return np.where(h | rival, 0.0, -2 * seen.t) - seen.pulls

    def standing(self, seen: Seen, rng: np.random.Generator) -> Array:
        """mean_i: arms are pulled to learn of them."""
        return seen.mean


def _one_of_the_highest(of: Array, rng: np.random.Generator) -> NDArray[np.bool_]:
    keys = np.where(of == of.max(-1, keepdims=True), rng.random(of.shape), -1.0)
    return np.asarray(keys == keys.max(-1, keepdims=True))
