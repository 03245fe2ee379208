"""Greedy: always the arm of highest mean, once each was pulled. An option of BIGPE, and what exploring must beat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from limner.bandits.policy import Policy


class Greedy(Policy):
    """Index mean_i."""

    name: ClassVar[str] = "greedy"

    def _indices(self, means: Sequence[float], counts: Sequence[int], t: int) -> list[float]:
        return list(means)
