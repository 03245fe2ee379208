"""The nodes that turn a batch into judged pictures: `write` (one task per arm), `ask`, `draw` and `score`.

All phases use the same four, so what is validated and reported was made exactly as what was searched.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Literal, TypedDict, TypeVar, cast

from limner.agents import counted
from limner.graph.ahead import APART_S, FIRST, LEAD_S, Named
from limner.graph.deps import EvolveDeps, derive
from limner.graph.evidence import rows_of
from limner.graph.planning import another_round, fresh_queries
from limner.graph.state import PLAIN, PROFESSIONAL, Batch, EvolveState, QuestionRow, Shot, Written, added
from limner.ledger import position
from limner.protocols import Scorer, VisionModel
from limner.scoring.questions import QuestionScorer
from limner.types import Failure, Instruction, Picture, Prompt, Query, Question, Recipe, Score

HELD = 64
"""Pictures held in memory at once, however many a batch has: the state names them, the ledger keeps them."""
Judge = Literal["taste", "questions", "acceptance", "acceptance_questions"]
T = TypeVar("T")
Tell = Callable[[int, int], None]
"""Is told of how many pictures something has been done to, and of how many it is to be done to."""


def untold(done: int, of: int) -> None:
    """Nobody follows."""


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
    with counted() as mended:
        if task["instruction"] is None:
            prompts = [_given(deps, task["arm"], query, batch) for query in queries]
        else:
            instruction = Instruction(task["instruction"])
            works = _writing(deps, instruction, queries, batch["number"])
            prompts = await asyncio.gather(*(deps.ahead.done(name, work) for name, work in works))
    return {
        "failures": dict(mended),
        "written": [
            Written(
                batch=batch["number"], arm=task["arm"], query=query.id, prompt=prompt.text, negative=prompt.negative
            )
            for query, several in zip(queries, prompts, strict=True)
            for prompt in several
        ],
    }


def _writing(
    deps: EvolveDeps, instruction: Instruction, queries: Sequence[Query], batch: int
) -> list[Named[list[Prompt]]]:
    return [
        (("writer", batch, instruction.id, query.id), partial(_write_one, deps, instruction, query, batch))
        for query in queries
    ]


async def _write_one(deps: EvolveDeps, instruction: Instruction, query: Query, batch: int) -> list[Prompt]:
    with position("writer", f"batch {batch}", instruction.id, query.id), deps.spans.agent("writer") as span:
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
    if deps.vision is None and (deps.acceptance_vision is None or batch["phase"] != "held_out"):
        return {"questions": {}}
    new = _unasked(deps, state, batch["queries"])
    with counted() as mended:
        works = _asking(deps, new)
        several = await asyncio.gather(*(deps.ahead.done(name, work) for name, work in works))
    return {"questions": {query.id: rows for query, rows in zip(new, several, strict=True)}, "failures": dict(mended)}


def _unasked(deps: EvolveDeps, state: EvolveState, queries: Sequence[str]) -> list[Query]:
    return [deps.by_id[name] for name in queries if name not in state["questions"]]


def _asking(deps: EvolveDeps, queries: Sequence[Query]) -> list[Named[list[QuestionRow]]]:
    return [(("questioner", query.id), partial(_ask_one, deps, query)) for query in queries]


async def _ask_one(deps: EvolveDeps, query: Query) -> list[QuestionRow]:
    with position("questioner", query.id), deps.spans.agent("questioner") as span:
        questions = deps.queries.asked.get(query.id) or await deps.agents.questioner.questions(query)
        span.set(query=query.text, questions=len(questions))
        return [QuestionRow(text=one.text, kind=one.kind, needs=list(one.needs)) for one in questions]


def begin_next(deps: EvolveDeps, state: EvolveState, arms: Sequence[Instruction], *, apart: float = APART_S) -> None:
    """Begin what the next round needs anyway: prompts by these instructions, and questions about its requests.

    `apart` is in seconds from one to the next: 0 where nothing else is to be done meanwhile.
    """
    if not (deps.ahead.here and state["goes_on"]):
        return
    names = fresh_queries(deps, state["round"] + 1)
    works: list[Named[Any]] = []
    for instruction in arms:
        works += _writing(deps, instruction, [deps.by_id[name] for name in names], state["batches"] + 1)
    if deps.vision is not None:
        works += _asking(deps, _unasked(deps, state, names))
    deps.ahead.begin(works, apart, after=FIRST * apart)


def ask_next(deps: EvolveDeps, state: EvolveState) -> None:
    """Begin the questions about the next round's requests beside the drawing of this one's pictures.

    Nothing else is certain yet: which instructions survive this round its pictures decide.
    """
    batch = state["batch"]
    assert batch is not None
    searching = batch["phase"] == "search" and deps.vision is not None
    if searching and deps.ahead.here and another_round(deps, state, drawn=False):
        deps.ahead.begin(_asking(deps, _unasked(deps, state, fresh_queries(deps, state["round"] + 1))), after=LEAD_S)


def draw(deps: EvolveDeps, state: EvolveState, tell: Tell = untold) -> dict[str, Any]:
    """Draw every written prompt, all arms of a query with the same picture seed."""
    batch = state["batch"]
    assert batch is not None
    order = {name: place for place, name in enumerate([*batch["arms"], PROFESSIONAL])}
    places = {name: place for place, name in enumerate(batch["queries"])}
    written = sorted(state["written"], key=lambda row: (places[row["query"]], order[row["arm"]]))
    shots: list[Shot] = []
    with position("generator", f"batch {batch['number']}"):
        for rows in _pieces(written, deps.generator.terms.batch):
            recipes = [_recipe(deps, batch, state["round"], row) for row in rows]
            pictures = deps.generator.generate(recipes)
            shots += [_shot(row, recipe, picture) for row, recipe, picture in zip(rows, recipes, pictures, strict=True)]
            tell(len(shots), len(written))
    missing = sum(shot["picture"] is None for shot in shots)
    return {"shots": shots, "failures": {"pictures not drawn": missing} if missing else {}}


def _pieces(items: Sequence[T], batch: int) -> Iterator[Sequence[T]]:
    """About `HELD` items at a time, in whole batches of the model, so that its batches are those of the whole."""
    size = max(1, HELD // max(1, batch)) * max(1, batch)
    return (items[start : start + size] for start in range(0, len(items), size))


def _recipe(deps: EvolveDeps, batch: Batch, number: int, row: Written) -> Recipe:
    seed = picture_seed(deps, batch, number, row)
    return deps.drawing.recipe(Prompt(row["prompt"], row["negative"]), seed)


def picture_seed(deps: EvolveDeps, batch: Batch, number: int, row: Written) -> int:
    """The seed of every picture drawn for a query in a batch: the same for all arms (common random numbers).

    Unless the settings forbid it for search and choice; the final table is always paired.
    """
    phase = batch["phase"]
    apart = () if deps.settings.common_seeds or phase == "held_out" else (row["arm"],)
    return derive(deps.settings.seed, "picture", phase, number if phase == "search" else 0, row["query"], *apart)


def _shot(row: Written, recipe: Recipe, picture: Picture | Failure) -> Shot:
    sha256 = picture.sha256 if isinstance(picture, Picture) else None
    unjudged: dict[Judge, None] = dict.fromkeys(("taste", "questions", "acceptance", "acceptance_questions"))
    return cast("Shot", {**row, "seed": recipe.seed, "picture": sha256, **unjudged, "reward": None})


def score(deps: EvolveDeps, state: EvolveState, tell: Tell = untold) -> dict[str, Any]:
    """Judge every picture of the batch by taste and by questions, against the user's own query.

    The acceptance judge sees held-out pictures alone, so it cannot steer.
    """
    assert state["batch"] is not None
    judges: dict[Judge, Scorer | None] = {"taste": deps.taste, "questions": _questions(deps, state, deps.vision)}
    if state["batch"]["phase"] == "held_out":
        judges["acceptance"] = deps.acceptance
        judges["acceptance_questions"] = _questions(deps, state, deps.acceptance_vision)
    failures: dict[str, int] = {}
    shots: list[Shot] = []
    for some in _pieces(state["shots"], deps.taste.terms.batch if deps.taste else 1):
        judged, missing = _judged_by(deps, judges, some, keeps="acceptance" in judges)
        shots += judged
        failures = added(failures, missing)
        tell(len(shots), len(state["shots"]))
    return {"shots": shots, "failures": failures}


def _judged_by(
    deps: EvolveDeps, judges: Mapping[Judge, Scorer | None], shots: Sequence[Shot], *, keeps: bool
) -> tuple[list[Shot], dict[str, int]]:
    """Shots with what the judges said; `keeps` their answers, too, which the final table alone shows."""
    drawn = [place for place, shot in enumerate(shots) if shot["picture"]]
    pairs = [(deps.by_id[shots[at]["query"]], deps.ledger.picture(str(shots[at]["picture"]))) for at in drawn]
    judged = [Shot(**shot) for shot in shots]
    failures: dict[str, int] = {}
    for judge, scorer in judges.items():
        if scorer is None or not pairs:
            continue
        with position(judge):
            scores = scorer.score(pairs)
        failures = added(failures, _missing(scores, judge))
        for place, told in zip(drawn, scores, strict=True):
            judged[place][judge] = _readable(told)
            if keeps:
                judged[place]["evidence"] = [*judged[place].get("evidence", []), *rows_of(told, judge)]
    return judged, failures


def _questions(deps: EvolveDeps, state: EvolveState, vision: VisionModel | None) -> Scorer | None:
    if vision is None:
        return None
    rows, twice = state["questions"], deps.settings.phrasings > 1
    return QuestionScorer(vision, lambda query: [_question(row) for row in rows[query.id]], twice=twice)


def _question(row: QuestionRow) -> Question:
    return Question(row["text"], row["kind"], tuple(row["needs"]))  # type: ignore[arg-type]


def _missing(scores: Sequence[Score | Failure], role: str) -> dict[str, int]:
    """What could not be judged, or not wholly, by name."""
    read = [score for score in scores if isinstance(score, Score)]
    counts = {
        f"unreadable {role}": sum(_readable(score) is None for score in scores),
        "unanswered questions": sum(score.unanswered for score in read),
        f"scores by {role} of requests that it had to cut": sum(bool(score.parts.get("truncated")) for score in read),
    }
    return {name: count for name, count in counts.items() if count}


def _readable(score: Score | Failure) -> float | None:
    """A judgement's value; one that is no number says nothing, as none does."""
    value = score.value if isinstance(score, Score) else None
    return value if value is not None and math.isfinite(value) else None
