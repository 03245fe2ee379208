"""One seed of `limner bench evolve`: each method's search in a session of its own, and its held-out pictures.

A search ends with the final choice; the held-out pictures of all methods are then drawn by one and the same code, with
one picture seed per query, and judged by the oracle and by the judges of the search. Sessions and held-out ledger stand
in the bench's folder, so whatever was drawn is never drawn again.
"""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from limner.agents import Agents, Questioner, agents
from limner.bench.acceptance import truth
from limner.graph.api import evolve
from limner.graph.deps import Professional, QuerySets, derive
from limner.graph.wiring import embedded_queries
from limner.ledger import Ledger, position, recorded
from limner.microworld.law import Case
from limner.protocols import Generator, Scorer, VisionModel
from limner.results import EvolveResult
from limner.scoring.questions import QuestionScorer
from limner.types import Failure, Instruction, Picture, Prompt, Query, Question, Recipe, Score

TRUTHS = ("all_correct", "well_drawn", "both")
MEASURES = (*TRUTHS, "taste", "eye")
"""What is kept of each held-out picture, in this order."""

Judge = Callable[[Query, Picture], Sequence[float | None]]
"""`TRUTHS` of a held-out picture, by whom nothing is steered."""


@dataclass(frozen=True, slots=True)
class Size:
    """Pictures of a search, requests of the final choice and of the comparison, seeds, and runs in the null world."""

    search: int
    validation: int
    held_out: int
    seeds: int
    null_runs: int


@dataclass(frozen=True, slots=True)
class Stage:
    """What all seeds share: models and truth of a world, sizes, and the folder of the sessions.

    questioner: who says what the vision model is asked; that of the directives unless given.
    """

    generator: Generator
    taste: Scorer
    vision: VisionModel
    professional: Professional
    judge: Judge
    size: Size
    folder: Path
    questioner: Questioner = field(default_factory=lambda: agents("directives").questioner)

    def models(self) -> dict[str, str]:
        """The identities of the models, on which every figure depends."""
        parts = {"generator": self.generator, "taste": self.taste, "questions": self.vision}
        return {name: part.identity for name, part in parts.items()}


def embedded_stage(size: Size, folder: Path, painter: str = "microworld") -> Stage:
    """The embedded world with its models, or with another painter, judged by its oracle."""
    from limner.bench.truth import held_out_cases, professional_writer
    from limner.generation import generator
    from limner.scoring import scorer, vision_model

    models = generator(painter), scorer("microworld"), vision_model("microworld")
    return Stage(*models, professional_writer(), by_oracle(held_out_cases()), size, folder)


def by_oracle(cases: Mapping[str, Case]) -> Judge:
    """The oracle as the judge of pictures of these cases, which stand by their queries' ids."""

    def judge(query: Query, picture: Picture) -> tuple[float, ...]:
        read = truth(picture, cases[query.id])
        return float(read.all_correct), float(read.well_drawn), float(read.both)

    return judge


def queries_of(seed: int, size: Size) -> QuerySets:
    """The embedded world's queries as this seed meets them: other ones are held out, in another order, by each."""
    sets, rng = embedded_queries(), random.Random(derive(seed, "bench", "queries"))
    return QuerySets(
        sets.search,
        tuple(rng.sample(sets.validation, size.validation)),
        tuple(rng.sample(sets.held_out, size.held_out)),
    )


def searched(stage: Stage, seed: int, method: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Search with a method, or go on where its session stopped; what it chose, and what that cost."""
    size, name = stage.size, f"seed-{seed}-{method.replace(' ', '-')}"
    given: dict[str, Any] = {
        "generator": stage.generator,
        "taste": stage.taste,
        "questions": stage.vision,
        "professional": stage.professional,
        "out": stage.folder,
        "agents": _agents(stage, options),
    }
    if (stage.folder / name / "session.json").exists():
        return _found(evolve(resume=stage.folder / name, **given))
    shutil.rmtree(stage.folder / name, ignore_errors=True)  # stopped before it began
    finalists = 3
    result = evolve(
        queries_of(seed, size),
        seed=seed,
        rounds=1000,
        finalists=finalists,
        validation=size.validation,
        held_out=0,
        budget_pictures=size.search + size.validation * (finalists + 1),
        session=name,
        **{**options, **given},
    )
    return _found(result)


def _agents(stage: Stage, options: Mapping[str, Any]) -> Agents:
    chosen: Agents = options.get("agents") or agents("directives")
    return replace(chosen, questioner=stage.questioner)


def _found(result: EvolveResult) -> dict[str, Any]:
    return {
        "instruction": result.instruction.text,
        "pictures": result.spend.pictures,
        "rounds": len(result.rounds),
        "stop_reason": result.stop_reason,
        "validation_gain": result.validation_gain.mean if result.validation_gain else None,
        "units": result.units,
    }


def drawn(stage: Stage, seed: int, method: str, instruction: str | None) -> dict[str, list[float | None]]:
    """Draw and judge every held-out query: `MEASURES` by query; None where there was no picture or no judgement.

    Args:
        stage: what all seeds share.
        seed: decides queries and picture seeds, so methods of one seed are paired.
        method: "plain" and "professional" have prompts without instruction.
        instruction: how the prompts of the other methods are written.
    """
    queries = queries_of(seed, stage.size).held_out
    prompts = [_prompt(stage, method, instruction, query) for query in queries]
    recipes = [
        Recipe(prompt, derive(seed, "picture", "held_out", 0, query.id))
        for prompt, query in zip(prompts, queries, strict=True)
    ]
    with Ledger.open(stage.folder / f"seed-{seed}-held-out") as ledger, position("bench", method):
        pictures = recorded(stage.generator, ledger).generate(recipes)
        return _judged(stage, ledger, list(zip(queries, pictures, strict=True)))


def _prompt(stage: Stage, method: str, instruction: str | None, query: Query) -> Prompt:
    if method == "plain":
        return Prompt(query.text)
    if method == "professional":
        return stage.professional(query, 1)[0]
    if instruction is None:
        raise ValueError(f"the method {method!r} writes by an instruction; give it one")
    return asyncio.run(agents("directives").writer.write(Instruction(instruction), query))


def _judged(
    stage: Stage, ledger: Ledger, items: Sequence[tuple[Query, Picture | Failure]]
) -> dict[str, list[float | None]]:
    there = [(query, picture) for query, picture in items if isinstance(picture, Picture)]
    tastes = recorded(stage.taste, ledger).score(there)
    answers = QuestionScorer(recorded(stage.vision, ledger), partial(_questions, stage)).score(there)
    rows: dict[str, list[float | None]] = {query.id: [None] * len(MEASURES) for query, _ in items}
    for (query, picture), taste, eye in zip(there, tastes, answers, strict=True):
        rows[query.id] = [*stage.judge(query, picture), _value(taste), _value(eye)]
    return rows


def _questions(stage: Stage, query: Query) -> Sequence[Question]:
    return asyncio.run(stage.questioner.questions(query))


def _value(score: Score | Failure) -> float | None:
    return score.value if isinstance(score, Score) else None
