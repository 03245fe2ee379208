"""`limner.evolve` and `limner.aevolve`: a whole run from one call, begun or resumed, with its report."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Sequence
from contextlib import aclosing, contextmanager, suppress
from contextvars import copy_context
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from limner.agents.lists import QuestionList
from limner.graph.checkpoints import checkpoints
from limner.graph.deps import EvolveDeps, QuerySets
from limner.graph.evolve import RECURSION_LIMIT, build_evolve, initial_state
from limner.graph.heap import settled
from limner.graph.options import Prepared, prepare
from limner.graph.outcome import model_names, outcome
from limner.graph.session import Session, write_json
from limner.graph.state import EvolveState
from limner.graph.wiring import (
    Given,
    assemble,
    budget,
    build_models,
    queries_record,
)
from limner.ledger import Ledger
from limner.results import JUDGES, EvolveResult
from limner.tracing.report import write_report
from limner.tracing.spans import Spans
from limner.types import Spend

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig


@dataclass(frozen=True, slots=True)
class Progress:
    """What just happened in a run: which node started, went on or ended, where the run stands, what it has cost so far.

    A node that goes on says in `update` how many pictures are `done`, `of` how many.
    """

    folder: Path
    event: Literal["started", "going", "ended"]
    node: str
    phase: str
    round: int
    rounds: int
    spend: Spend
    update: dict[str, Any]


def evolve(
    queries: Sequence[str] | QuerySets | QuestionList | None = None,
    *,
    resume: str | Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    **options: Any,
) -> EvolveResult:
    """Evolve an instruction; returns when the run is over. Works in notebooks: the run has a thread of its own.

    Args:
        queries: requests for pictures in people's own words, three sets of them, or a benchmark's list of them with
            questions (`limner.question_list`); None takes the embedded world's.
        resume: a session (its directory, or its name under `out`) to go on with. Nothing recorded is paid twice.
        progress: called as every node starts and ends, and as drawing and judging go on.
        **options: any setting by its name (`rounds=5`, `seed=1`, `budget_pictures=300`, `out="runs"`; see
            `limner.settings`), and `session`, a new session's name. `generator`, `taste`, `questions`, `acceptance` and
            `agents` may be objects, too; `professional` is a callable (query, count) -> prompts in place of the prompt
            database.

    Raises:
        limner.errors.LimnerError: see its tree; a spent budget is an error only if there is no result yet.
        KeyboardInterrupt: after the batch at hand was recorded; resume the session to go on.
    """
    return run_sync(prepare(queries, resume=resume, **options), progress)


async def aevolve(
    queries: Sequence[str] | QuerySets | QuestionList | None = None,
    *,
    resume: str | Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    **options: Any,
) -> EvolveResult:
    """Evolve an instruction from async code; see `evolve`."""
    return await run(prepare(queries, resume=resume, **options), progress)


def run_sync(prepared: Prepared, progress: Callable[[Progress], None] | None = None) -> EvolveResult:
    """Carry out a prepared run on a loop in a thread of its own, so also where this thread runs one already."""
    return _in_own_loop(lambda: run(prepared, progress))


async def run(prepared: Prepared, progress: Callable[[Progress], None] | None = None) -> EvolveResult:
    """Carry out a prepared run, from its beginning or from where it stopped."""
    models = build_models(prepared.settings, prepared.given)
    with _opened(prepared, models) as (session, deps):
        with deps.spans.workflow("evolve"), settled():
            state = await _final_state(deps, session, progress)
        result = outcome(deps, state, session=session.id, folder=session.folder, notes=prepared.notes)
        write_json(session.folder / "result.json", as_json(result))
        write_report(result, deps.ledger.picture)
    return result


@contextmanager
def evolve_deps(
    queries: Sequence[str] | QuerySets | QuestionList | None = None, *, resume: str | Path | None = None, **options: Any
) -> Iterator[EvolveDeps]:
    """Open a session and yield what `build_evolve` needs, for those who run the graph themselves.

    Arguments and errors are those of `evolve`. The session (its ledger, its trace, its lock) is closed at the end.
    """
    prepared = prepare(queries, resume=resume, **options)
    with _opened(prepared, build_models(prepared.settings, prepared.given)) as (_, deps):
        yield deps


@contextmanager
def _opened(prepared: Prepared, models: Given) -> Iterator[tuple[Session, EvolveDeps]]:
    with (
        _session(prepared) as session,
        Spans.open(session.folder / "trace.jsonl", session.id) as spans,
        Ledger.open(session.folder, budget(prepared.settings.budget), spans=spans) as ledger,
    ):
        deps = assemble(prepared.settings, models, prepared.queries, ledger, spans)
        _begin(session, prepared, deps)
        yield session, deps


def as_json(result: EvolveResult) -> dict[str, Any]:
    """A result as plain JSON: the stable keys of `limner evolve --json` and of result.json."""
    row = asdict(result)
    row["lineage"] = [{"id": one.id, **asdict(one)} for one in result.lineage]
    row["instruction"] = {"id": result.instruction.id, **asdict(result.instruction)}
    row["candidates"] = [
        {**asdict(one), "instruction": {"id": one.instruction.id, **asdict(one.instruction)}}
        for one in result.candidates
    ]
    row["intervals"] = {name: _interval_json(value) for name, value in result.differences.items()}
    row["acceptance"] = {name: _interval_json(value) for name, value in result.acceptance.items()}
    row["acceptance_questions"] = {name: _interval_json(value) for name, value in result.acceptance_questions.items()}
    row["validation_gain"] = _interval_json(result.validation_gain)
    del row["differences"]
    row["columns"] = [
        {**column, **{name: _interval_json(getattr(one, name)) for name in JUDGES}}
        for column, one in zip(row["columns"], result.columns, strict=True)
    ]
    row["folder"], row["report"] = str(result.folder), str(result.report)
    return row


def _interval_json(interval: Any) -> dict[str, float | None] | None:
    return None if interval is None else {"mean": interval[0], "low": interval[1], "high": interval[2]}


def _session(prepared: Prepared) -> Session:
    return Session.open(prepared.resume) if prepared.resume else Session.create(prepared.settings.out, prepared.session)


def _begin(session: Session, prepared: Prepared, deps: EvolveDeps) -> None:
    """Store what the session begins with, or check that it is what the session began with."""
    record = {
        "limner": version("limner"),
        "session": session.id,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "settings": prepared.settings.model_dump(mode="json", exclude={"out"}),
        "models": model_names(deps),
        "professional": "prompt database" if prepared.given.professional is None else "a function of the caller's",
        "queries": queries_record(prepared.queries),
        "notes": list(prepared.notes),
    }
    if prepared.resume:
        session.check(record)
    else:
        session.begin(record)


async def _final_state(deps: EvolveDeps, session: Session, progress: Callable[[Progress], None] | None) -> EvolveState:
    config: RunnableConfig = {"configurable": {"thread_id": session.id}, "recursion_limit": RECURSION_LIMIT}
    async with deps.agents.connected(), checkpoints(session.folder) as saver, deps.ahead:
        graph = build_evolve(deps, saver)
        before = (await graph.aget_state(config)).values
        state = cast("EvolveState", before) if before else initial_state(deps)
        watch = _Watch(deps, session, progress, state["phase"], state["round"])
        begun = None if before else state
        steps = graph.astream(begun, config, stream_mode=["updates", "tasks", "custom"], durability="sync")
        stream = cast("AsyncGenerator[tuple[str, Any]]", steps)
        async with aclosing(stream):  # an error of the callback must end LangGraph's own tasks before the saver closes
            async for mode, step in stream:
                watch.see(mode, step)
        return cast("EvolveState", (await graph.aget_state(config)).values)


@dataclass
class _Watch:
    """Turns LangGraph's stream into `Progress`."""

    deps: EvolveDeps
    session: Session
    progress: Callable[[Progress], None] | None
    phase: str
    round: int

    def see(self, mode: str, step: Any) -> None:
        if mode == "tasks":
            if "input" in step:  # the start of a task; its end comes as an update, too
                self._say("started", step["name"], {})
            return
        if mode == "custom":
            self._say("going", step["node"], {"done": step["done"], "of": step["of"]})
            return
        for node, update in step.items():
            batch = (update or {}).get("batch")
            self.phase = batch["phase"] if batch else self.phase
            self.round = (update or {}).get("round", self.round)
            self._say("ended", node, update or {})

    def _say(self, event: Literal["started", "going", "ended"], node: str, update: dict[str, Any]) -> None:
        if self.progress is not None:
            rounds, spend = self.deps.settings.rounds, self.deps.ledger.spend()
            self.progress(Progress(self.session.folder, event, node, self.phase, self.round, rounds, spend, update))


def _in_own_loop(make: Callable[[], Coroutine[Any, Any, EvolveResult]]) -> EvolveResult:
    """Run a coroutine on a loop in a thread of its own; Ctrl-C cancels it and waits for the batch at hand."""
    loop = asyncio.new_event_loop()
    task = copy_context().run(loop.create_task, make())
    # Not Thread.join: interrupted, it takes the thread for ended ever after.
    over = threading.Event()
    threading.Thread(target=_drive, args=(loop, task, over), name="limner-evolve").start()
    try:
        over.wait()
    except KeyboardInterrupt:
        with suppress(RuntimeError):  # the loop was closed in this very moment
            loop.call_soon_threadsafe(task.cancel)
        over.wait()
        raise
    return task.result()


def _drive(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any], over: threading.Event) -> None:
    try:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(asyncio.wait([task]))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()
        over.set()
