"""Top-two Thompson sampling: pull the arm that seems best, or else its likeliest rival.

Russo, COLT 2016 (arXiv 1602.08448), algorithm 3, for normal rewards under a flat prior, with the observed noise.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from limner.bandits.policy import Policy
from limner.bandits.seen import Array, Seen

_DRAWS = 20
"""Draws of the posterior in which a rival must win; where none does, the rival of the highest draw so far is taken."""


class TopTwo(Policy):
    """Draw means from N(mean_i, s^2 / n_i); pull the best with probability beta, else draw until another is best."""

    name: ClassVar[str] = "top-two"

    def __init__(self, seed: int, beta: float = 0.5) -> None:
        """Pull the leader with probability `beta` in [0, 1]; one half is within a factor 2 of optimal (theorem 1)."""
        super().__init__(seed)
        if not 0 <= beta <= 1:
            raise ValueError(f"the probability of pulling the leader, beta, is {beta!r}; give a number from 0 to 1")
        self._beta = beta

    def _parameters(self) -> dict[str, float]:
        return {"beta": self._beta}

    def index(self, seen: Seen, rng: np.random.Generator) -> Array:
        """1 for the arm to pull, 0 for others."""
        leader = _best_of(self._draw(seen, rng))
        challenger, found = leader, np.zeros((*seen.n.shape[:-1], 1), bool)
        for _ in range(_DRAWS):
            draw = self._draw(seen, rng)
            best = _best_of(draw)
            other = (best & ~leader).any(-1, keepdims=True)
            challenger = np.where(~found & other, best, challenger)
            found |= other
            if found.all():
                break
        else:
            challenger = np.where(found, challenger, _best_of(np.where(leader, -np.inf, draw)))
        lead = rng.random(found.shape) < self._beta
        return np.where(lead, leader, challenger).astype(float)

    def standing(self, seen: Seen, rng: np.random.Generator) -> Array:
        """mean_i: arms are pulled to learn of them."""
        return seen.mean

    def _draw(self, seen: Seen, rng: np.random.Generator) -> Array:
        draw = seen.means + np.sqrt(seen.noise() / seen.counts) * rng.standard_normal(seen.n.shape)
        return np.where(seen.in_play, draw, -np.inf)


def _best_of(draw: Array) -> NDArray[np.bool_]:
    return np.asarray(draw == draw.max(-1, keepdims=True))
