"""How sure a bandit is of its best arm: P(no arm in play is better by more than epsilon).

Each rival is compared by the normal approximation; on paired differences where both arms met the same (query, seed),
since those cancel what a request is worth by itself. The product over rivals is a lower bound (Slepian 1962): all
comparisons share the best arm's error, so they are positively correlated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

from limner.bandits.arms import Arm, Noise
from limner.bandits.base import Choice
from limner.bandits.difference import Difference, difference

EPSILON_IN_NOISE = 0.1
"""Default epsilon, as a share of one reward's noise: a gain that some hundred pictures could not show."""


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
    p = math.prod(_p_not_better(difference(rival, top, noise), margin) for rival in rivals)
    return Choice(top.name, interval.low, interval.high, p)


def _p_not_better(rival: Difference, margin: float) -> float:
    if rival.error == 0:
        return float(rival.mean <= margin)
    return NormalDist(rival.mean, rival.error).cdf(margin)
