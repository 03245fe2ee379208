"""Successive rejects: K - 1 rounds, after each of which the worst arm is out.

Audibert, Bubeck and Munos, COLT 2010, figure 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from limner.bandits.elimination import Elimination, Round
from limner.bandits.seen import Array

_ROUNDING = 1e-9
"""Keeps a whole number that came out a little too large from being rounded up to the next."""


class SuccessiveRejects(Elimination):
    """By the end of round k each arm still in has n_k = ceil((n - K) / (logbar(K) (K + 1 - k))) pulls."""

    name: ClassVar[str] = "rejects"

    def _rounds(self, arms: Array, budget: Array) -> Iterator[Round]:
        most = int(arms.max())
        harmonic = np.cumsum(1 / np.arange(1, most + 1))
        logbar = harmonic[arms.astype(int) - 1] - 0.5
        for k in range(1, most):
            left = np.maximum(arms + 1 - k, 1.0)
            pulls = np.ceil((budget - arms) / (logbar * left) - _ROUNDING)
            yield Round(np.maximum(pulls, 1.0), np.maximum(arms - k, 1.0))

    def _shortest(self, arms: Array) -> Array:
        return 2 * arms
