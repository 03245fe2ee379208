"""UCB-V: a bound from each arm's own variance, by the empirical Bernstein inequality.

Audibert, Munos and Szepesvari, Theoretical Computer Science 410 (2009), equation 8, with E = zeta ln t.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from limner.bandits.policy import Policy
from limner.bandits.seen import Array, Seen


class UcbV(Policy):
    """Index mean_k + sqrt(2 V_k E / n_k) + 3 c b E / n_k, V_k the arm's variance (divided by n_k, as in the paper)."""

    name: ClassVar[str] = "ucb-v"

    def __init__(self, seed: int, b: float = 1.0, zeta: float = 1.2, c: float = 1.0) -> None:
        """Take rewards in an interval of length `b`; the paper's analysis wants `zeta` > 1 and `c` = 1."""
        super().__init__(seed)
        for symbol, value in (("b", b), ("zeta", zeta), ("c", c)):
            if not 0 <= value < math.inf:
                raise ValueError(f"the bound's {symbol} is {value!r}; give a finite number of 0 or more")
        self._b, self._zeta, self._c = b, zeta, c

    def _parameters(self) -> dict[str, float]:
        return {"b": self._b, "zeta": self._zeta, "c": self._c}

    def index(self, seen: Seen, rng: np.random.Generator) -> Array:
        """mean_k + sqrt(2 V_k E / n_k) + 3 c b E / n_k."""
        per_pull = self._zeta * np.log(seen.t) / seen.counts
        variance = seen.squares / np.where(seen.n > 0, seen.n, 1.0)
        return seen.means + np.sqrt(2 * variance * per_pull) + 3 * self._c * self._b * per_pull
