"""Additive: arms that have parts in common share what was learnt of them. Limner's own policy for the search.

Classical policies know an arm by its own rewards alone. Instructions are made from each other, sentence by sentence,
and drawn for the same requests; `limner.bandits.shared` reads all their rewards together. The leader's rivals race: one
that can hardly be better than it any more is drawn no longer.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import ClassVar

import numpy as np

from limner.bandits.empirical_gradient import EmpiricalGradient
from limner.bandits.shared import Posterior, believe_all

CANNOT_WIN = 0.1
"""An arm that is better than the leader with less than this probability is out of the race."""
FEWEST = 2
"""Arms that stay however the race stands: the leader, and one to be changed."""


class Additive(EmpiricalGradient):
    """Keeps and ranks arms by the posterior of the additive model; pulls as `EmpiricalGradient` does."""

    name: ClassVar[str] = "additive"

    def keep(self, b: int) -> list[str]:
        """Name at most `b` arms in play: those without a reward, then the highest posterior means that can still win.

        Ties go to older arms.
        """
        left = self._in_play(at_least_one_for=b, verb="keep")
        everyone = self._everyone()
        found = believe_all(everyone)
        if found is None:
            return super().keep(b)
        at = {arm.name: place for place, arm in enumerate(everyone)}
        fresh = [arm.name for arm in left if not arm.moments.n]
        judged = sorted((at[arm.name] for arm in left if arm.moments.n), key=lambda place: -found.mean[place])
        running = [
            place
            for order, place in enumerate(judged)
            if order < FEWEST or _p_better(found, place, judged[0]) >= CANNOT_WIN
        ]
        return [*fresh, *(everyone[place].name for place in running)][:b]

    def ranked(self) -> list[str]:
        """Every arm with a reward, in play or not, by posterior mean less its standard deviation."""
        everyone = self._everyone()
        found = believe_all(everyone)
        if found is None:
            return super().ranked()
        low = found.mean - found.error
        return [everyone[place].name for place in np.argsort(-low, kind="stable") if everyone[place].moments.n]


def _p_better(found: Posterior, arm: int, than: int) -> float:
    """The probability that one arm's mean is higher than another's."""
    error, lead = found.error_between(arm, than), float(found.mean[arm] - found.mean[than])
    return 1 - NormalDist(lead, error).cdf(0.0) if error > 0 else float(lead > 0)
