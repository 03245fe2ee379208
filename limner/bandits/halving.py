"""Sequential halving: log2 K rounds of equal cost, after each of which the better half stays.

Karnin, Koren and Somekh, ICML 2013, figure 1. Means are over all rewards of an arm, where the paper, for its proof,
takes those of the round alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from limner.bandits.elimination import Elimination, Round
from limner.bandits.seen import Array


class SequentialHalving(Elimination):
    """In round r each of the |S_r| arms gets t_r = floor(T / (|S_r| ceil(log2 n))) pulls; the best half stays."""

    name: ClassVar[str] = "halving"

    def _rounds(self, arms: Array, budget: Array) -> Iterator[Round]:
        rounds = _rounds_of(arms)
        size, pulls = arms, np.zeros(arms.shape)
        for _ in range(int(rounds.max())):
            pulls = pulls + np.maximum(np.floor(budget / (size * rounds)), 1.0)
            size = np.ceil(size / 2)
            yield Round(pulls, size)

    def _shortest(self, arms: Array) -> Array:
        return arms * _rounds_of(arms)


def _rounds_of(arms: Array) -> Array:
    return np.maximum(np.ceil(np.log2(arms)), 1.0)
