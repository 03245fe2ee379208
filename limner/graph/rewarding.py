"""From judgements to rewards, for the shots of one batch."""

from __future__ import annotations

from collections.abc import Sequence

from limner.graph.state import Shot
from limner.scoring.reward import Judged, RewardWeights, rewards
from limner.settings import EvolveSettings
from limner.statistics import Spread


def rewarded(
    settings: EvolveSettings, shots: Sequence[Shot], before: Sequence[float], *, beside: str | None = None
) -> tuple[list[Shot], list[float]]:
    """Fill in every shot's reward; also the pooled spread of the taste score, to be passed on to the next batch.

    `beside` names the arm that the others are measured from, if any was drawn beside them.
    """
    rows = [Judged(shot["query"], shot["taste"], shot["questions"], shot["arm"] == beside) for shot in shots]
    weights = RewardWeights(settings.taste_weight, settings.questions_weight)
    values, _, spread = rewards(rows, weights, Spread(int(before[0]), before[1]))
    return [Shot(**{**shot, "reward": value}) for shot, value in zip(shots, values, strict=True)], list(spread)
