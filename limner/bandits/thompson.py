"""Thompson sampling for normal rewards of unknown mean and variance, each arm's its own.

Honda and Takemura, AISTATS 2014 (arXiv 1311.1894), equation 4. Under the prior sigma^(-1 - 2 alpha) the posterior of an
arm's mean is Student's t; the paper proves alpha < 0 optimal and the reference prior alpha = 0 not.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from limner.bandits.policy import Policy
from limner.bandits.seen import Array, Seen


class Thompson(Policy):
    """Index a draw from mean_i + sqrt(S_i / (n_i (n_i + 2 alpha - 1))) * T(n_i + 2 alpha - 1).

    S_i is the sum of squares about the mean. The posterior needs max(2, 3 - floor(2 alpha)) rewards; an arm with fewer
    comes first, as in the paper.
    """

    name: ClassVar[str] = "thompson"

    def __init__(self, seed: int, alpha: float = -0.5) -> None:
        """Believe in the prior sigma^(-1 - 2 `alpha`)."""
        super().__init__(seed)
        if not math.isfinite(alpha):
            raise ValueError(f"the prior's alpha is {alpha!r}; give a finite number")
        self._alpha = alpha

    def _parameters(self) -> dict[str, float]:
        return {"alpha": self._alpha}

    def index(self, seen: Seen, rng: np.random.Generator) -> Array:
        """A draw of each arm's mean; above all draws for an arm with too few rewards and pending pulls."""
        needed = max(2, 3 - math.floor(2 * self._alpha))
        freedom = np.maximum(seen.n + 2 * self._alpha - 1, 1.0)
        scale = np.sqrt(seen.squares / (np.maximum(seen.n, 1.0) * freedom))
        drawn = seen.means + scale * rng.standard_t(freedom)
        drawn = np.where(seen.n < needed, seen.means, drawn)
        first = drawn.max(-1, keepdims=True) + np.abs(drawn).max(-1, keepdims=True) + 1
        return np.where(seen.pulls < needed, first, drawn)

    def standing(self, seen: Seen, rng: np.random.Generator) -> Array:
        """mean_i: survival is no experiment."""
        return seen.mean
