"""The stage of `limner bench evolve --surrogate`: the fitted surrogate of the embedded world instead of its models.

Pictures are empty and their judgements are the surrogate's, so a seed takes seconds; graph, agents, rewards and choice
are the same. The surrogate's eye answers for a request as a whole, so the one question asked of a picture is the
request itself. The judge of the result is the chance that the oracle finds a picture all-correct and well drawn.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from limner.bench.evolve_seed import Size, Stage
from limner.bench.surrogate import FILE, Surrogate, surrogate
from limner.bench.truth import professional_writer
from limner.testing import HashGenerator, ScorerFromFunction, VisionFromFunction
from limner.types import Picture, Query, Question

PIXELS = 2
"""Side of a picture that nobody looks at."""


@dataclass(frozen=True, slots=True)
class RequestItself:
    """A questioner that asks whether a picture shows the request."""

    name: str = "the request itself"

    async def questions(self, query: Query) -> tuple[Question, ...]:
        """One question, whose text is the request."""
        return (Question(query.text),)


def surrogate_stage(size: Size, folder: Path, world: Surrogate | None = None) -> Stage:
    """The surrogate as a stage; its identity is the hash of its fit."""
    fitted = world or surrogate()
    name = f"surrogate {_fit_hash()}"

    def taste(query: Query, picture: Picture) -> float:
        return fitted.judged(query, picture.recipe.prompt, picture.recipe.seed)[0]

    def eye(picture: Picture, question: Question) -> float:
        value = fitted.judged(Query.of(question.text), picture.recipe.prompt, picture.recipe.seed)[1]
        return min(max((value + 1) / 2, 0.0), 1.0)

    def judge(query: Query, picture: Picture) -> tuple[float | None, ...]:
        return None, None, fitted.expected(query, picture.recipe.prompt)

    return Stage(
        HashGenerator(name, size=(PIXELS, PIXELS)),
        ScorerFromFunction(taste, name),
        VisionFromFunction(eye, name),
        professional_writer(),
        judge,
        size,
        folder,
        RequestItself(),
    )


def best_of(world: Surrogate | None = None) -> str:
    """The best instruction known on the surrogate, which is that of the painter it was fitted to."""
    return (world or surrogate()).best_known


def fit() -> dict[str, object]:
    """How well the surrogate fits, as its file says."""
    return dict(surrogate().record)


def _fit_hash() -> str:
    row = json.loads((files("limner.bench") / "data" / FILE).read_text(encoding="utf-8"))
    return hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()[:12]
