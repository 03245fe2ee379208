"""Uniform: arms by the throw of a die. What every policy must beat."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from limner.bandits.policy import Policy
from limner.bandits.seen import Array, Seen


class Uniform(Policy):
    """Index drawn anew each time."""

    name: ClassVar[str] = "uniform"

    def index(self, seen: Seen, rng: np.random.Generator) -> Array:
        """U(0, 1), whatever was seen."""
        return rng.random(seen.n.shape)
