"""From judgements to rewards, for the shots of one batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from limner.graph.state import Shot
from limner.scoring.reward import Judged, RewardWeights, Spreads, rewards
from limner.settings import EvolveSettings
from limner.statistics import Spread


def rewarded(
    settings: EvolveSettings,
    shots: Sequence[Shot],
    before: Mapping[str, Sequence[float]],
    *,
    beside: str | None = None,
    pooled: bool = True,
) -> tuple[list[Shot], dict[str, list[float]]]:
    """Fill in every shot's reward; also the pooled spread of each judge's scores, to be passed on to the next batch.

    `beside` names the arm that the others are measured from, if any was drawn beside them. Unless `pooled`, rewards are
    in the unit of the batches before, so that they can be compared with theirs.
    """
    rows = [Judged(shot["query"], shot["taste"], shot["questions"], shot["arm"] == beside) for shot in shots]
    weights = RewardWeights(settings.taste_weight, settings.questions_weight)
    values, _, spreads = rewards(rows, weights, spreads_of(before), pooled=pooled)
    rewarded_shots = [Shot(**{**shot, "reward": value}) for shot, value in zip(shots, values, strict=True)]
    return rewarded_shots, {judge: list(spread) for judge, spread in spreads._asdict().items()}


def spreads_of(kept: Mapping[str, Sequence[float]]) -> Spreads:
    """The spreads that the state keeps as plain numbers."""
    return Spreads(**{judge: Spread(int(freedom), squares) for judge, (freedom, squares) in kept.items()})
