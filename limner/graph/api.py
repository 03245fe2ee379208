"""`limner.evolve` and `limner.aevolve`: a whole run from one call, begun or resumed, with its report."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from contextvars import copy_context
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from limner.errors import CorruptSession
from limner.graph.deps import EvolveDeps
from limner.graph.evolve import RECURSION_LIMIT, build_evolve, initial_state
from limner.graph.options import Prepared, prepare
from limner.graph.outcome import model_names, outcome
from limner.graph.session import Session, write_json
from limner.graph.state import EvolveState
from limner.graph.wiring import (
    assemble,
    budget,
    build_models,
    queries_record,
)
from limner.ledger import Ledger
from limner.results import EvolveResult
from limner.tracing.report import write_report
from limner.tracing.spans import Spans
from limner.types import Spend

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

CHECKPOINTS = "checkpoints.sqlite"


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of a run, as it happened: the session's directory, the node, where the run stands, its cost."""

    folder: Path
    node: str
    phase: str
    round: int
    rounds: int
    spend: Spend
    update: dict[str, Any]


def evolve(
    queries: Sequence[str] | None = None,
    *,
    resume: str | Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    **options: Any,
) -> EvolveResult:
    """Evolve an instruction; returns when the run is over. Works in notebooks: the run has a thread of its own.

    Args:
        queries: requests for pictures in people's own words; None takes the embedded world's.
        resume: a session (its directory, or its name under `out`) to go on with. Nothing recorded is paid twice.
        progress: called after every step.
        **options: any setting by its name (`rounds=5`, `seed=1`, `budget_pictures=300`, `out="runs"`; see
            `limner.settings`). `generator`, `taste`, `questions` and `agents` may be objects, too; `professional` is a
            callable (query, count) -> prompts in place of the prompt database.

    Raises:
        limner.errors.LimnerError: see its tree; a spent budget is an error only if there is no result yet.
        KeyboardInterrupt: after the batch at hand was recorded; resume the session to go on.
    """
    return run_sync(prepare(queries, resume=resume, **options), progress)


async def aevolve(
    queries: Sequence[str] | None = None,
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
    settings = prepared.settings
    models = build_models(settings, prepared.given)
    with (
        _session(prepared) as session,
        Spans.open(session.folder / "trace.jsonl", session.id) as spans,
        Ledger.open(session.folder, budget(settings.budget), spans=spans) as ledger,
    ):
        deps = assemble(settings, models, prepared.queries, ledger, spans)
        _begin(session, prepared, deps)
        with spans.workflow("evolve"):
            state = await _final_state(deps, session, progress)
        result = outcome(deps, state, session=session.id, folder=session.folder, notes=prepared.notes)
        write_json(session.folder / "result.json", as_json(result))
        write_report(result, ledger.picture)
    return result


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
    del row["differences"]
    row["columns"] = [
        {**column, **{name: _interval_json(getattr(one, name)) for name in ("reward", "taste", "questions")}}
        for column, one in zip(row["columns"], result.columns, strict=True)
    ]
    row["folder"], row["report"] = str(result.folder), str(result.report)
    return row


def _interval_json(interval: Any) -> dict[str, float | None] | None:
    return None if interval is None else {"mean": interval[0], "low": interval[1], "high": interval[2]}


def _session(prepared: Prepared) -> Session:
    return Session.open(prepared.resume) if prepared.resume else Session.create(prepared.settings.out)


def _begin(session: Session, prepared: Prepared, deps: EvolveDeps) -> None:
    """Store what the session begins with, or check that it is what the session began with."""
    record = {
        "limner": version("limner"),
        "session": session.id,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "settings": prepared.settings.model_dump(mode="json", exclude={"out"}),
        "models": model_names(deps),
        "queries": queries_record(prepared.queries),
        "notes": list(prepared.notes),
    }
    if prepared.resume:
        session.check(record)
    else:
        session.begin(record)


async def _final_state(deps: EvolveDeps, session: Session, progress: Callable[[Progress], None] | None) -> EvolveState:
    config: RunnableConfig = {"configurable": {"thread_id": session.id}, "recursion_limit": RECURSION_LIMIT}
    async with _checkpointer(session.folder / CHECKPOINTS) as saver:
        graph = build_evolve(deps, saver)
        before = (await graph.aget_state(config)).values
        state = cast("EvolveState", before) if before else initial_state(deps)
        begun = None if before else state
        where = {"round": state["round"], "phase": state["phase"]}
        async for step in graph.astream(begun, config, stream_mode="updates", durability="sync"):
            for node, update in step.items():
                batch = (update or {}).get("batch")
                where["round"] = (update or {}).get("round", where["round"])
                where["phase"] = batch["phase"] if batch else where["phase"]
                if progress is not None:
                    progress(
                        Progress(
                            session.folder,
                            node,
                            *_where(where),
                            deps.settings.rounds,
                            deps.ledger.spend(),
                            update or {},
                        )
                    )
        return cast("EvolveState", (await graph.aget_state(config)).values)


def _where(where: dict[str, Any]) -> tuple[str, int]:
    return where["phase"], where["round"]


@asynccontextmanager
async def _checkpointer(path: Path) -> AsyncIterator[AsyncSqliteSaver]:
    """A saver that reads nothing but plain data back; its file may be deleted, the ledger makes up for it.

    Raises:
        CorruptSession: the checkpoints do not read back.
    """
    import aiosqlite
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    try:
        async with aiosqlite.connect(path) as connection:
            yield AsyncSqliteSaver(connection, serde=JsonPlusSerializer(allowed_msgpack_modules=None))
    except sqlite3.DatabaseError as error:
        raise CorruptSession(
            f"The checkpoints in {path} do not read back: {error}. Delete that file and resume: what was recorded is "
            "in the ledger and will not be paid again."
        ) from error


def _in_own_loop(make: Callable[[], Coroutine[Any, Any, EvolveResult]]) -> EvolveResult:
    """Run a coroutine on a loop in a thread of its own; Ctrl-C cancels it and waits for the batch at hand."""
    loop = asyncio.new_event_loop()
    context = copy_context()
    try:
        task = context.run(loop.create_task, make())
        worker = threading.Thread(target=_drive, args=(loop, task), name="limner-evolve")
        worker.start()
        try:
            worker.join()
        except KeyboardInterrupt:
            loop.call_soon_threadsafe(task.cancel)
            worker.join()
            raise
        return task.result()
    finally:
        loop.close()


def _drive(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> None:
    asyncio.set_event_loop(loop)
    loop.run_until_complete(asyncio.wait([task]))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.run_until_complete(loop.shutdown_default_executor())
