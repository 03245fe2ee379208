"""Epsilon-greedy: any arm with probability epsilon, else the arm of highest mean. An option of BIGPE, with 0.1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from limner.bandits.arms import Arm
from limner.bandits.greedy import Greedy


class EpsilonGreedy(Greedy):
    """Greedy, except that each pull, and each place among the survivors, goes to chance with probability epsilon."""

    name: ClassVar[str] = "epsilon-greedy"

    def __init__(self, seed: int, epsilon: float = 0.1) -> None:
        """Explore with probability `epsilon` in [0, 1]."""
        super().__init__(seed)
        if not 0 <= epsilon <= 1:
            raise ValueError(f"the probability of exploring, epsilon, is {epsilon!r}; give a number from 0 to 1")
        self._epsilon = epsilon

    def _parameters(self) -> dict[str, float]:
        return {"epsilon": self._epsilon}

    def _ranked(self, arms: Sequence[Arm], counts: Sequence[int], t: int) -> Arm:
        if self._rng.random() < self._epsilon:
            return self._any(arms)
        return super()._ranked(arms, counts, t)
