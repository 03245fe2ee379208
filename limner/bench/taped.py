"""Models that note the batches which really reach them: what a benchmark replays or counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from limner.protocols import Model
from limner.types import Answer, Failure, Picture, Query, Question, Recipe, Score, Terms


@dataclass
class Taped:
    """A model that notes the batches it is given."""

    model: Any
    batches: list[Sequence[Any]] = field(default_factory=list)

    @property
    def identity(self) -> str:
        """The model's own."""
        model: Model = self.model
        return model.identity

    @property
    def terms(self) -> Terms:
        """The model's own."""
        model: Model = self.model
        return model.terms


class TapedGenerator(Taped):
    """A taped `Generator`."""

    def generate(self, recipes: Sequence[Recipe]) -> list[Picture | Failure]:
        """Draw, noting the batch."""
        self.batches.append(recipes)
        drawn: list[Picture | Failure] = self.model.generate(recipes)
        return drawn


class TapedScorer(Taped):
    """A taped `Scorer`."""

    def score(self, pairs: Sequence[tuple[Query, Picture]]) -> list[Score | Failure]:
        """Score, noting the batch."""
        self.batches.append(pairs)
        scores: list[Score | Failure] = self.model.score(pairs)
        return scores


class TapedVision(Taped):
    """A taped `VisionModel`."""

    def answer(self, asks: Sequence[tuple[Picture, Question]]) -> list[Answer]:
        """Answer, noting the batch."""
        self.batches.append(asks)
        answers: list[Answer] = self.model.answer(asks)
        return answers
