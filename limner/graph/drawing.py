"""The nodes that turn a batch into judged pictures: `write` (one task per arm), `ask`, `draw` and `score`.

All phases use the same four, so what is validated and reported was made exactly as what was searched.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import Any, TypedDict

from limner.graph.deps import EvolveDeps, derive
from limner.graph.state import PLAIN, PROFESSIONAL, Batch, EvolveState, QuestionRow, Shot, Written
from limner.ledger import position
from limner.protocols import Scorer
from limner.scoring.questions import QuestionScorer
from limner.types import Failure, Instruction, Picture, Prompt, Query, Question, Recipe, Score


class WriteTask(TypedDict):
    """What one writing task is sent: the arm, its instruction (None for the two that have none) and the batch."""

    arm: str
    instruction: str | None
    batch: Batch


def write_tasks(deps: EvolveDeps, state: EvolveState) -> list[WriteTask]:
    """One task per arm of the batch; in the search also one for the professional prompts drawn beside the arms."""
    batch = state["batch"]
    assert batch is not None
    arms = [*batch["arms"]]
    if batch["phase"] == "search" and deps.settings.professionals:
        arms.append(PROFESSIONAL)
    texts = {name: row["text"] for name, row in state["instructions"].items()}
    return [WriteTask(arm=arm, instruction=texts.get(arm), batch=batch) for arm in arms]


async def write(deps: EvolveDeps, task: WriteTask) -> dict[str, Any]:
    """Write one arm's prompt for every query of the batch, each by itself: nothing leaks from one to the next."""
    batch = task["batch"]
    queries = [deps.by_id[name] for name in batch["queries"]]
    if task["instruction"] is None:
        prompts = [_given(deps, task["arm"], query, batch) for query in queries]
    else:
        instruction = Instruction(task["instruction"])
        prompts = await asyncio.gather(*(_write_one(deps, instruction, query, batch) for query in queries))
    return {
        "written": [
            Written(
                batch=batch["number"], arm=task["arm"], query=query.id, prompt=prompt.text, negative=prompt.negative
            )
            for query, several in zip(queries, prompts, strict=True)
            for prompt in several
        ]
    }


async def _write_one(deps: EvolveDeps, instruction: Instruction, query: Query, batch: Batch) -> list[Prompt]:
    with position("writer", f"batch {batch['number']}", instruction.id, query.id), deps.spans.agent("writer") as span:
        span.set(instruction_id=instruction.id, query=query.text)
        prompt = await deps.agents.writer.write(instruction, query)
        span.set(prompt=prompt.text)
        return [prompt]


def _given(deps: EvolveDeps, arm: str, query: Query, batch: Batch) -> list[Prompt]:
    if arm == PLAIN:
        return [Prompt(query.text)]
    count = deps.settings.professionals if batch["phase"] == "search" else 1
    return list(deps.professional(query, count))


async def ask(deps: EvolveDeps, state: EvolveState) -> dict[str, Any]:
    """Split each new query of the batch into yes/no questions."""
    batch = state["batch"]
    assert batch is not None
    new = [deps.by_id[name] for name in batch["queries"] if name not in state["questions"]]
    if deps.vision is None:
        return {"questions": {}}
    several = await asyncio.gather(*(_ask_one(deps, query) for query in new))
    return {"questions": {query.id: rows for query, rows in zip(new, several, strict=True)}}


async def _ask_one(deps: EvolveDeps, query: Query) -> list[QuestionRow]:
    with position("questioner", query.id), deps.spans.agent("questioner") as span:
        questions = await deps.agents.questioner.questions(query)
        span.set(query=query.text, questions=len(questions))
        return [QuestionRow(text=one.text, kind=one.kind, needs=list(one.needs)) for one in questions]


def draw(deps: EvolveDeps, state: EvolveState) -> dict[str, Any]:
    """Draw every written prompt, all arms of a query with the same picture seed."""
    batch = state["batch"]
    assert batch is not None
    order = {name: place for place, name in enumerate([*batch["arms"], PROFESSIONAL])}
    written = sorted(state["written"], key=lambda row: (batch["queries"].index(row["query"]), order[row["arm"]]))
    recipes = [
        deps.drawing.recipe(
            Prompt(row["prompt"], row["negative"]), picture_seed(deps, batch, state["round"], row["query"])
        )
        for row in written
    ]
    with position("generator", f"batch {batch['number']}"):
        pictures = deps.generator.generate(recipes)
    shots = [_shot(row, recipe, picture) for row, recipe, picture in zip(written, recipes, pictures, strict=True)]
    return {"shots": shots, "failures": _failures(pictures)}


def picture_seed(deps: EvolveDeps, batch: Batch, number: int, query: str) -> int:
    """The seed of every picture drawn for a query in a batch: the same for all arms (common random numbers)."""
    return derive(deps.settings.seed, "picture", batch["phase"], number if batch["phase"] == "search" else 0, query)


def _shot(row: Written, recipe: Recipe, picture: Picture | Failure) -> Shot:
    sha256 = picture.sha256 if isinstance(picture, Picture) else None
    return Shot(**row, seed=recipe.seed, picture=sha256, taste=None, questions=None, reward=None)


def score(deps: EvolveDeps, state: EvolveState) -> dict[str, Any]:
    """Judge every picture of the batch by taste and by questions, each in one call, against the user's own query."""
    drawn = [shot for shot in state["shots"] if shot["picture"]]
    pairs = [(deps.by_id[shot["query"]], deps.ledger.picture(str(shot["picture"]))) for shot in drawn]
    taste, taste_failures = _judged(deps.taste, pairs, "taste")
    asked, ask_failures = _judged(_questions(deps, state), pairs, "questions")
    values = {id(shot): (t, q) for shot, t, q in zip(drawn, taste, asked, strict=True)}
    shots = []
    for shot in state["shots"]:
        taste_value, asked_value = values.get(id(shot), (None, None))
        shots.append(Shot(**{**shot, "taste": taste_value, "questions": asked_value}))
    return {"shots": shots, "failures": {**taste_failures, **ask_failures}}


def _questions(deps: EvolveDeps, state: EvolveState) -> Scorer | None:
    if deps.vision is None:
        return None
    rows = state["questions"]
    return QuestionScorer(deps.vision, lambda query: [_question(row) for row in rows[query.id]])


def _question(row: QuestionRow) -> Question:
    return Question(row["text"], row["kind"], tuple(row["needs"]))  # type: ignore[arg-type]


def _judged(
    scorer: Scorer | None, pairs: Sequence[tuple[Query, Picture]], role: str
) -> tuple[list[float | None], dict[str, int]]:
    """Values in order, None where there is no judgement, and how many of those there are."""
    if scorer is None or not pairs:
        return [None] * len(pairs), {}
    with position(role):
        scores = scorer.score(pairs)
    values = [_readable(score) for score in scores]
    missing = sum(value is None for value in values)
    unanswered = sum(score.unanswered for score in scores if isinstance(score, Score))
    counts = {f"unreadable {role}": missing, "unanswered questions": unanswered}
    return values, {name: count for name, count in counts.items() if count}


def _readable(score: Score | Failure) -> float | None:
    """A judgement's value; one that is no number says nothing, as none does."""
    value = score.value if isinstance(score, Score) else None
    return value if value is not None and math.isfinite(value) else None


def _failures(pictures: Sequence[Picture | Failure]) -> dict[str, int]:
    refused = sum(isinstance(picture, Failure) for picture in pictures)
    return {"pictures not drawn": refused} if refused else {}
