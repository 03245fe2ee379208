"""A run of evolve that is going to be killed: `python -m limner.bench.victim REQUEST`, REQUEST being JSON.

It says on stdout which node has just started, and notes in a file, before drawing, every recipe that it draws.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from limner.bench.taped import Taped
from limner.graph.api import Progress, evolve
from limner.graph.wiring import embedded_queries
from limner.types import Failure, Picture, Query, Recipe


class _Noted(Taped):
    """A generator that writes down each recipe before it draws it."""

    def __init__(self, model: Any, notes: Path) -> None:
        super().__init__(model)
        self.notes = notes

    def generate(self, recipes: Sequence[Recipe]) -> list[Picture | Failure]:
        with self.notes.open("a") as file:
            file.writelines(f"{recipe_hash(recipe)}\n" for recipe in dict.fromkeys(recipes))
            file.flush()
            os.fsync(file.fileno())
        drawn: list[Picture | Failure] = self.model.generate(recipes)
        return drawn


def recipe_hash(recipe: Recipe) -> str:
    """A recipe's name in the notes."""
    return hashlib.sha256(repr(recipe).encode()).hexdigest()


def main() -> None:
    """Run what the request says to its end, unless killed."""
    request = json.loads(sys.argv[1])
    print("ready", flush=True)
    evolve(
        None if request["resume"] else embedded_queries(),
        generator=_Noted(_generator(request), Path(request["notes"])),
        resume=request["resume"],
        progress=_say,
        **_judge(request),
        **request["options"],
    )
    print("done", flush=True)


def _say(step: Progress) -> None:
    if step.event == "started":
        print("start", step.node, step.phase, step.round, flush=True)


def _judge(request: dict[str, Any]) -> dict[str, Any]:
    """The embedded judges, or one without weights where the picture is a fake: how dark the first pixel is."""
    if request["generator"] == "microworld":
        return {"taste": "microworld", "questions": "microworld"}
    from limner.testing.fakes import ScorerFromFunction

    return {"taste": ScorerFromFunction(_darkness), "questions_weight": 0.0}


def _darkness(query: Query, picture: Picture) -> float:
    return float(-sum(picture.image().getpixel((0, 0))))  # type: ignore[arg-type]


def _generator(request: dict[str, Any]) -> Any:
    if request["generator"] == "fake":
        from limner.testing.fakes import HashGenerator

        return HashGenerator(delay=0.3)
    from limner.generation import generator

    return generator(request["generator"], **request["endpoint"])


if __name__ == "__main__":
    main()
