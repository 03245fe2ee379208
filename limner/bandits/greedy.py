"""Greedy: always the arm of highest mean, once each was pulled. An option of BIGPE, and what exploring must beat."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from limner.bandits.policy import Policy
from limner.bandits.seen import Array, Seen


class Greedy(Policy):
    """Index mean_i."""

    name: ClassVar[str] = "greedy"

    def index(self, seen: Seen, rng: np.random.Generator) -> Array:
        """mean_i."""
        return seen.means
