"""The compiled graph as LangGraph users run it."""

import asyncio
import sqlite3
from contextlib import contextmanager

import aiosqlite
import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

import limner
from limner.errors import UsageError
from limner.graph.evolve import RECURSION_LIMIT

CONFIG = {"configurable": {"thread_id": "t"}, "recursion_limit": RECURSION_LIMIT}


@contextmanager
def sync_saver(path):
    with sqlite3.connect(path, check_same_thread=False) as connection:
        yield SqliteSaver(connection)
    connection.close()


def test_invoke_with_a_sqlite_saver(world, tmp_path):
    with world.deps() as deps, sync_saver(tmp_path / "c.sqlite") as saver:
        state = limner.build_evolve(deps, saver).invoke(limner.initial_state(deps), CONFIG)
    assert state["stop_reason"] == "rounds"
    assert state["best"] in state["instructions"]


def test_ainvoke_with_an_async_sqlite_saver(world, tmp_path):
    async def run():
        async with aiosqlite.connect(tmp_path / "c.sqlite") as connection:
            graph = limner.build_evolve(deps, AsyncSqliteSaver(connection))
            return await graph.ainvoke(limner.initial_state(deps), CONFIG)

    with world.deps() as deps:
        assert asyncio.run(run())["stop_reason"] == "rounds"


def test_astream_tells_of_every_node(world):
    async def run():
        graph = limner.build_evolve(deps)
        return [node async for step in graph.astream(limner.initial_state(deps), CONFIG) for node in step]

    with world.deps(rounds=1) as deps:
        nodes = asyncio.run(run())
    search = ["plan", "write", "ask", "draw", "score", "learn", "criticise", "modify"]
    assert set(nodes) == {*search, "choose", "tabulate"}
    assert [node for node in nodes if node in search[3:]][:5] == search[3:]


def test_every_way_of_running_gives_the_same(world, another, tmp_path):
    async def awaited():
        return await limner.build_evolve(deps, InMemorySaver()).ainvoke(limner.initial_state(deps), CONFIG)

    with world.deps() as deps:
        sync = limner.build_evolve(deps).invoke(limner.initial_state(deps), CONFIG)
    with another().deps() as deps:
        assert asyncio.run(awaited()) == sync
    whole = another().evolve()
    assert whole.instruction.id == sync["best"]
    assert [round.pulls for round in whole.rounds] == [round["pulls"] for round in sync["rounds"]]


def test_a_plain_graph_runs_inside_a_loop(world):
    """As in a notebook: agents are coroutines, and this thread's loop is busy."""

    async def cell():
        return limner.build_evolve(deps).invoke(limner.initial_state(deps), CONFIG)

    with world.deps(rounds=1) as deps:
        assert asyncio.run(cell())["stop_reason"] == "rounds"


def test_evolve_inside_a_loop(world, another, said):
    async def cell():
        return world.evolve()

    assert said(asyncio.run(cell())) == said(another().evolve())


def test_aevolve(world, another, said):
    result = asyncio.run(limner.aevolve(world.requests, **world.options()))
    assert said(result) == said(another().evolve())


def test_invoke_on_an_async_saver_within_its_loop_is_refused(world, tmp_path):
    async def run():
        async with aiosqlite.connect(tmp_path / "c.sqlite") as connection:
            limner.build_evolve(deps, AsyncSqliteSaver(connection)).invoke(limner.initial_state(deps), CONFIG)

    with world.deps() as deps, pytest.raises(UsageError, match=r"`invoke`.*AsyncSqliteSaver.*ainvoke.*SqliteSaver"):
        asyncio.run(run())


def test_invoke_on_an_async_saver_whose_loop_is_over_is_refused(world, tmp_path):
    async def build():
        async with aiosqlite.connect(tmp_path / "c.sqlite") as connection:
            return limner.build_evolve(deps, AsyncSqliteSaver(connection))

    with world.deps() as deps:
        graph = asyncio.run(build())
        with pytest.raises(UsageError, match="after that has ended"):
            graph.invoke(limner.initial_state(deps), CONFIG)


def test_invoke_on_an_async_saver_from_a_thread_is_fine(world, tmp_path):
    async def run():
        async with aiosqlite.connect(tmp_path / "c.sqlite") as connection:
            graph = limner.build_evolve(deps, AsyncSqliteSaver(connection))
            return await asyncio.to_thread(graph.invoke, limner.initial_state(deps), CONFIG)

    with world.deps(rounds=1) as deps:
        assert asyncio.run(run())["stop_reason"] == "rounds"


def test_ainvoke_on_a_sync_saver_is_refused(world, tmp_path):
    with world.deps() as deps, sync_saver(tmp_path / "c.sqlite") as saver:
        graph = limner.build_evolve(deps, saver)
        with pytest.raises(UsageError, match=r"`ainvoke`.*SqliteSaver.*`invoke`.*AsyncSqliteSaver"):
            asyncio.run(graph.ainvoke(limner.initial_state(deps), CONFIG))


def test_the_callers_saver_is_left_as_it_was(world):
    saver = InMemorySaver()
    with world.deps() as deps:
        limner.build_evolve(deps, saver)
    assert type(saver) is InMemorySaver


def test_a_thread_resumes_on_none(world, tmp_path):
    """The graph alone, without `evolve`: stopped after a node, it goes on from the checkpoint."""
    with world.deps() as deps, sync_saver(tmp_path / "c.sqlite") as saver:
        graph = limner.build_evolve(deps, saver)
        for step in graph.stream(limner.initial_state(deps), CONFIG):
            if "learn" in step:
                break
        drawn = deps.ledger.spend().pictures
        state = graph.invoke(None, CONFIG)
        assert state["stop_reason"] == "rounds"
        assert [row["number"] for row in state["rounds"]] == [1, 2, 3]
        assert deps.ledger.spend().pictures > drawn
    assert world.repeated() == 0
