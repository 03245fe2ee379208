"""Results of runs as they are, made without running anything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from limner.results import COLUMNS, Candidate, Column, EvolveResult, Example, Round, Shot
from limner.testing.fakes import HashGenerator
from limner.types import Instruction, Interval, Picture, Prompt, Query, Recipe, Spend

Make = Callable[..., EvolveResult]


@pytest.fixture
def pictures() -> dict[str, Picture]:
    return {}


@pytest.fixture
def make(tmp_path: Path, pictures: dict[str, Picture]) -> Make:
    """A run of three rounds; `hostile` is woven into every text that a user or a model could have written."""

    def result(
        hostile: str = "", *, queries: int = 3, size: tuple[int, int] = (48, 48), **changes: object
    ) -> EvolveResult:
        generator = HashGenerator(size=size)

        def shot(column: str, query: Query, seed: int) -> Shot:
            prompt = Prompt(f"{column}: {query.text}", negative=f"blur {hostile}")
            (picture,) = generator.generate([Recipe(prompt, seed)])
            assert isinstance(picture, Picture)
            pictures[picture.sha256] = picture
            return Shot(prompt, picture.sha256, reward=0.1 * seed + 0.05 * len(column), taste=26.5, questions=0.4)

        start = Instruction(f"Describe it. {hostile}")
        better = Instruction(f"Describe it. Say where things are. {hostile}", start.id, 1, f"Add: places {hostile}")
        worse = Instruction("Be dreamy.", start.id, 1, "Add: mood")
        best = Instruction(f"Describe it. Say where and how large things are. {hostile}", better.id, 2, "Add: sizes")
        asked = [Query(f"q{n}", f"request {n} {hostile}") for n in range(queries)]
        values: dict[str, object] = {
            "session": f"session {hostile}",
            "folder": tmp_path,
            "stop_reason": "rounds",
            "instruction": best,
            "lineage": (start, better, best),
            "candidates": (
                Candidate(start, 6, Interval(0.1, 0.0, 0.2), Interval(0.1, 0.05, 0.15), 2),
                Candidate(better, 6, Interval(0.3, 0.2, 0.4), None, 3),
                Candidate(worse, 3, Interval(-0.2, None, None), None, 2),
                Candidate(best, 3, Interval(0.5, 0.4, 0.6), Interval(0.45, 0.3, 0.6), None),
            ),
            "rounds": (
                Round(
                    1, {start.id: 3}, {start.id: 0.1}, (start.id,), start.id, ("Add: places",), (better.id,), False, 9
                ),
                Round(
                    2, {start.id: 3, better.id: 3, worse.id: 3}, {}, (better.id,), better.id, (), (best.id,), True, 15
                ),
                Round(3, {better.id: 3, best.id: 3}, {better.id: None}, (best.id,), None, (hostile,), (), False, 12),
            ),
            "columns": tuple(
                Column(name, Interval(0.2 + n / 10, 0.1 + n / 10, 0.3 + n / 10), Interval(26.5, None, None), None, 3, n)
                for n, name in enumerate(COLUMNS)
            ),
            "differences": {
                "evolved_minus_start": Interval(0.2, 0.1, 0.3),
                "evolved_minus_professional": Interval(0.02, -0.1, 0.14),
            },
            "significant": True,
            "examples": tuple(Example(query, {name: shot(name, query, 7) for name in COLUMNS}) for query in asked),
            "spend": Spend(pictures=36, model_calls=108, seconds=75.0),
            "spend_by_role": {
                "generator": Spend(pictures=36),
                f"role {hostile}": Spend(money_usd=0.5, unknown_price=2),
            },
            "notes": (f"a note {hostile}",),
            "failures": {f"GenerationError {hostile}": 2},
            "models": {"generator": f"hash {hostile}"},
        }
        return EvolveResult(**{**values, **changes})  # type: ignore[arg-type]

    return result
