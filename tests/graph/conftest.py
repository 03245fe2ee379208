from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from limner.graph.api import evolve, evolve_deps
from limner.graph.deps import EvolveDeps
from limner.results import EvolveResult
from limner.testing import HashGenerator, ScorerFromFunction
from limner.types import Picture, Prompt, Query

COLOURS, SHAPES = ("red", "blue", "green", "pink"), ("circle", "square", "ring", "cross", "star", "triangle")
REQUESTS = tuple(f"a {colour} {shape}" for colour in COLOURS for shape in SHAPES)


def chance(picture: Picture) -> float:
    """A number in [0, 1) that depends on the picture alone."""
    return int(picture.sha256[:6], 16) / 16**6


def likes_quality(query: Query, picture: Picture) -> float:
    """A taste for wording, in noise: what a search can find."""
    text = picture.recipe.prompt.text.lower()
    return 2.0 * ("quality" in text or "masterpiece" in text) - 1.0 * ("sketch" in text) + chance(picture)


def no_professionals(query: Query, count: int) -> Sequence[Prompt]:
    return ()


@dataclass
class World:
    """Fakes for one run and what they were asked; `options` are those of `limner.evolve`."""

    out: Path
    generator: HashGenerator = field(default_factory=HashGenerator)
    taste: ScorerFromFunction = field(default_factory=lambda: ScorerFromFunction(likes_quality))
    requests: Sequence[str] = REQUESTS

    def options(self, **changed: Any) -> dict[str, Any]:
        models = {"generator": self.generator, "taste": self.taste, "questions": None, "professional": no_professionals}
        search = {"questions_weight": 0.0, "professionals": 0, "rounds": 3, "batch": 2, "held_out": 6, "validation": 3}
        return {**models, **search, "out": self.out, **changed}

    def evolve(self, **changed: Any) -> EvolveResult:
        return evolve(self.requests, **self.options(**changed))

    def resume(self, session: str | Path, **changed: Any) -> EvolveResult:
        """Go on with a session: nothing is said again but the objects, which cannot be stored."""
        models = {"generator": self.generator, "taste": self.taste, "professional": no_professionals}
        return evolve(resume=session, out=self.out, **{**models, **changed})

    def repeated(self) -> int:
        """How many recipes reached the generator in several calls; within one, a recipe may stand in for others."""
        calls = [set(batch) for batch in self.generator.log.batches]
        return sum(map(len, calls)) - len(set().union(*calls))

    def deps(self, **changed: Any) -> AbstractContextManager[EvolveDeps]:
        return evolve_deps(self.requests, **self.options(**changed))


@pytest.fixture(autouse=True)
def quick_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages have their own tests; making one for each of these runs would take most of their time."""
    monkeypatch.setattr("limner.graph.api.write_report", lambda result, picture: result.report.write_text("a page"))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "runs")


@pytest.fixture
def another(tmp_path: Path) -> Callable[..., World]:
    """Further worlds, each with models and a directory of its own."""
    count = iter(range(1000))
    return lambda **models: World(tmp_path / f"runs{next(count)}", **models)


@pytest.fixture
def said() -> Callable[[EvolveResult], dict[str, Any]]:
    """What two equal runs have in common: everything but names and times."""

    def compared(result: EvolveResult) -> dict[str, Any]:
        from limner.graph.api import as_json

        row = as_json(result)
        for name in ("session", "folder", "report", "spend_by_role"):
            del row[name]
        del row["spend"]["seconds"]
        return row

    return compared
