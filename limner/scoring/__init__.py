"""Picture to numbers: taste (HPS v2), compositional questions, the reward that joins them."""

from __future__ import annotations

from limner.scoring.callables import scorer_from_callable
from limner.scoring.combined import Judgements, combined, fronts
from limner.scoring.models import scorer, vision_model
from limner.scoring.questions import QuestionScorer
from limner.scoring.reward import Judged, Rewards, RewardWeights, Spreads, rewards

__all__ = [
    "Judged",
    "Judgements",
    "QuestionScorer",
    "RewardWeights",
    "Rewards",
    "Spreads",
    "combined",
    "fronts",
    "rewards",
    "scorer",
    "scorer_from_callable",
    "vision_model",
]
