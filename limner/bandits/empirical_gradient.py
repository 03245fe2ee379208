"""Knowledge gradient with prior and noise estimated from the rewards: Limner's own policy for finding the best arm.

Nothing is told and nothing is tuned to a scale: a * reward + b gives the same choices. docs/bandits.md has its figures.
"""

from __future__ import annotations

from typing import ClassVar

from limner.bandits.knowledge_gradient import KnowledgeGradient
from limner.bandits.policy import Policy
from limner.bandits.prior import Belief, Prior, believe, estimate
from limner.bandits.seen import Array, Seen


class EmpiricalGradient(KnowledgeGradient):
    """`KnowledgeGradient` with the prior that `estimate` finds; a child inherits from its parent."""

    name: ClassVar[str] = "empirical-gradient"

    def __init__(self, seed: int, inherit: float = 0.5) -> None:
        """Expect child and parent to have correlation `inherit` in [0, 1); 0 takes arms for unrelated."""
        Policy.__init__(self, seed)
        if not 0 <= inherit < 1:
            raise ValueError(f"the correlation with the parent, inherit, is {inherit!r}; give 0 or more, below 1")
        self._inherit = inherit

    def _parameters(self) -> dict[str, float]:
        return {"inherit": self._inherit}

    def _prior(self, seen: Seen) -> Prior:
        return estimate(seen)

    def _belief(self, seen: Seen, prior: Prior, n: Array) -> Belief:
        return believe(seen, prior, self._inherit, n)
