"""Whether the best arm is really better than the one that everything began with; "no" is a possible answer.

The chosen arm was picked for its luck as well as its worth, so its gain is stated at a level corrected for all the
rivals that it could have been (Bonferroni): when no arm is better than the start, an improvement is claimed in at most
1 - level of searches.
"""

from __future__ import annotations

from limner.bandits.arms import Arm, Noise
from limner.bandits.base import Choice, Verdict
from limner.bandits.difference import difference
from limner.statistics import t_quantile
from limner.types import Interval


def judge(top: Arm, choice: Choice, start: Arm, noise: Noise, rivals: int, level: float) -> Verdict:
    """`top`, which `choice` is about, beside `start`.

    Args:
        top: the arm chosen.
        choice: what is known of it.
        start: the arm that everything began with, in play or not.
        noise: spread of single rewards, pooled over arms.
        rivals: arms other than the start that might have been chosen.
        level: probability, strictly between 0 and 1, of claiming no improvement where there is none.
    """
    if not 0 < level < 1:
        raise ValueError(f"the level is {level!r}; give a number between 0 and 1")
    gain = _gain(top, start, noise, level + (1 - level) * (1 - 1 / max(rivals, 1)))
    improved = gain is not None and gain.low is not None and gain.low > 0
    return Verdict(top.name, gain, improved, choice.p_within_epsilon)


def _gain(top: Arm, start: Arm, noise: Noise, level: float) -> Interval | None:
    if not start.moments.n:
        return None
    if top is start:
        return Interval(0.0, 0.0, 0.0)
    found = difference(top, start, noise)
    if not found.freedom:
        return Interval(found.mean, None, None)
    half = t_quantile(0.5 + level / 2, found.freedom) * found.error
    return Interval(found.mean, found.mean - half, found.mean + half)
