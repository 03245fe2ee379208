"""How sure a bandit is of its best arm: P(no arm in play is better by more than epsilon).

Each rival is compared by the normal approximation; on paired differences where both arms met the same (query, seed),
since those cancel what a request is worth by itself. The product over rivals is a lower bound (Slepian 1962): all
comparisons share the best arm's error, so they are positively correlated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

from limner.bandits.arms import Arm, Moments, Noise
from limner.bandits.base import Choice

EPSILON_IN_NOISE = 0.1
"""Default epsilon, as a share of one reward's noise: a gain that some hundred pictures could not show."""

FEWEST_PAIRS = 5
"""Below this, a spread of paired differences is too rough for a normal approximation."""


class _Difference(NamedTuple):
    mean: float
    error: float


def choose(top: Arm, arms: Sequence[Arm], noise: Noise, epsilon: float | None) -> Choice:
    """What is known of `top`, the choice among `arms`.

    `epsilon` is in units of the reward; None takes a tenth of the noise of one reward.
    """
    pulled = [arm for arm in arms if arm.moments.n]
    interval = noise.interval(top.moments)
    assert interval is not None, "an arm with rewards has a mean"
    if len(pulled) < len(arms) or not noise.freedom:
        return Choice(top.name, interval.low, interval.high, None)
    margin = EPSILON_IN_NOISE * noise.sd if epsilon is None else epsilon
    rivals = (arm for arm in pulled if arm is not top)
    p = math.prod(_p_not_better(_difference(rival, top, noise), margin) for rival in rivals)
    return Choice(top.name, interval.low, interval.high, p)


def _p_not_better(difference: _Difference, margin: float) -> float:
    if difference.error == 0:
        return float(difference.mean <= margin)
    return NormalDist(difference.mean, difference.error).cdf(margin)


def _difference(rival: Arm, top: Arm, noise: Noise) -> _Difference:
    theirs, ours = rival.by_pair(), top.by_pair()
    paired = Moments()
    for pair, reward in theirs.items():
        if pair in ours:
            paired = paired.plus(reward - ours[pair])
    if paired.n >= FEWEST_PAIRS:
        return _Difference(paired.mean, math.sqrt(paired.squares / (paired.n - 1) / paired.n))
    error = noise.sd * math.sqrt(1 / rival.moments.n + 1 / top.moments.n)
    return _Difference(rival.moments.mean - top.moments.mean, error)
