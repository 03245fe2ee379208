"""One arm's mean reward minus another's: paired where both met the same (query, seed), since those then cancel."""

from __future__ import annotations

import math
from typing import NamedTuple

from limner.bandits.arms import Arm, Moments, Noise

FEWEST_PAIRS = 5
"""Below this, a spread of paired differences is too rough for a normal approximation."""


class Difference(NamedTuple):
    """A mean difference, its standard error, and the degrees of freedom of that (0: unknown)."""

    mean: float
    error: float
    freedom: int


def difference(first: Arm, second: Arm, noise: Noise) -> Difference:
    """Mean of `first` minus that of `second`, both with rewards; unpaired it has the noise pooled over all arms."""
    ours, theirs = first.by_pair(), second.by_pair()
    paired = Moments()
    for pair, reward in ours.items():
        if pair in theirs:
            paired = paired.plus(reward - theirs[pair])
    if paired.n >= FEWEST_PAIRS:
        freedom = int(paired.n) - 1
        return Difference(paired.mean, math.sqrt(paired.squares / freedom / paired.n), freedom)
    error = noise.sd * math.sqrt(1 / first.moments.n + 1 / second.moments.n)
    return Difference(first.moments.mean - second.moments.mean, error, noise.freedom)
