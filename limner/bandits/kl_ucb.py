"""KL-UCB: the largest mean that the rewards do not contradict, by the Bernoulli divergence.

Garivier and Cappe, COLT 2011 (arXiv 1102.2490), algorithm 1, for rewards in [0, 1]; c = 0, as its section 7 advises.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from limner.bandits.policy import Policy
from limner.bandits.seen import Array, Seen

_HALVINGS = 30
"""Bisections of [0, 1]: the index is right to 1e-9."""


class KlUcb(Policy):
    """Index max{q in [mean_a, 1]: n_a d(mean_a, q) <= ln t}. Means outside [0, 1] are taken for 0 or 1."""

    name: ClassVar[str] = "kl-ucb"

    def index(self, seen: Seen, rng: np.random.Generator) -> Array:
        """Bisect: d(p, q) grows with q above p."""
        p = np.clip(seen.means, 0.0, 1.0)
        limit = np.log(seen.t) / seen.counts
        low, high = p, np.ones_like(p)
        for _ in range(_HALVINGS):
            q = (low + high) / 2
            allowed = _bernoulli_divergence(p, q) <= limit
            low, high = np.where(allowed, q, low), np.where(allowed, high, q)
        return low


def _bernoulli_divergence(p: Array, q: Array) -> Array:
    """d(p, q) = p ln(p / q) + (1 - p) ln((1 - p) / (1 - q)), with 0 ln 0 = 0 (equation 2)."""
    tiny = np.finfo(float).tiny
    return _x_log_ratio(p, np.maximum(q, tiny)) + _x_log_ratio(1 - p, np.maximum(1 - q, tiny))


def _x_log_ratio(x: Array, y: Array) -> Array:
    return x * np.log(np.where(x > 0, x, 1.0) / np.where(x > 0, y, 1.0))
