"""The tools that run in this process: evolve itself, random search, and successive halving."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from limner.agents import START
from limner.bench.evolve_rivals import thrown_together
from limner.bench.search_desk import Desk, Limits, Over
from limner.bench.search_world import World
from limner.graph.api import as_json, evolve, evolve_deps
from limner.graph.deps import derive
from limner.graph.evolve import RECURSION_LIMIT, build_evolve, initial_state
from limner.types import Query

Trace = list[tuple[int, float]]


class Tool(Protocol):
    """A search that ends when the desk says so."""

    def __call__(self, desk: Desk, setting: Mapping[str, Any]) -> None:
        """Search."""
        ...


def options(world: World, seed: int, pictures: int) -> dict[str, Any]:
    """The arguments of `limner.evolve` in a world; all settings that matter are its defaults."""
    return {
        "generator": world.generator,
        "taste": world.scorer,
        "questions": None,
        "professional": world.professional,
        "seed": seed,
        "rounds": 1000,
        "held_out": 0,
        "budget_pictures": pictures,
    }


def ours(world: World, limits: Limits, seed: int, setting: Mapping[str, Any], folder: Path | None = None) -> Trace:
    """The graph of `limner.evolve` itself; after each round its choice is what a run that ends there answers with."""
    trace: Trace = []
    with tempfile.TemporaryDirectory() as scratch:
        given = {**options(world, seed, limits.cap), **setting, "out": folder or Path(scratch)}
        with evolve_deps(world.queries, **given) as deps:
            before = 0
            for state in build_evolve(deps).stream(
                initial_state(deps), {"recursion_limit": RECURSION_LIMIT}, stream_mode="values"
            ):
                pulls = sum(arm["pulls"] for arm in state["arms"].values())
                if pulls == before:
                    continue
                before, best = pulls, deps.bandit(state["bandit"]).ranked()[0]
                drawn = deps.ledger.spend().pictures
                trace.append((drawn, world.worth_of(state["instructions"][best]["text"], limits.target)))
                if drawn >= limits.horizon and max(worth for _, worth in trace) >= limits.target:
                    break
    return trace


def random_search(desk: Desk, setting: Mapping[str, Any]) -> None:
    """Sentences thrown together, each drawn for the same requests; the choice has the highest mean."""
    rng = random.Random(derive(desk.seed, "random"))
    some = rng.sample(desk.world.queries.search, setting["pictures"])
    best, best_text, text = float("-inf"), START.text, START.text
    while True:
        mean = _mean(desk.draw(text, some))
        if mean > best:
            best, best_text = mean, text
        desk.choose(best_text)
        text = thrown_together(rng)


def halving(desk: Desk, setting: Mapping[str, Any]) -> None:
    """Brackets of successive halving: the leader and proposals of the critic; half of them go on with twice as many."""
    rng = random.Random(derive(desk.seed, "halving"))
    leader = START.text
    desk.draw(leader, rng.sample(desk.world.queries.search, setting["pictures"]))
    while True:
        order = rng.sample(desk.world.queries.search, len(desk.world.queries.search))
        running, drawn = [leader, *desk.propose(leader, setting["candidates"] - 1)], setting["pictures"]
        while len(running) > 1:
            means = {text: _mean(desk.draw(text, order[:drawn])) for text in running}
            running = sorted(running, key=lambda text: -means[text])[: len(running) // 2]
            drawn = min(2 * drawn, len(order))
            desk.choose(running[0])
        leader = running[0]


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def run(tool: Tool, desk: Desk, setting: Mapping[str, Any]) -> Trace:
    """A tool's trace, whichever way it ends."""
    with suppress(Over):
        tool(desk, setting)
    return desk.trace


def overshoot(world: World, seed: int, budget: int) -> float:
    """Pictures that evolve draws beyond a budget, as a share of it."""
    with tempfile.TemporaryDirectory() as scratch:
        result = evolve(world.queries, out=Path(scratch), **options(world, seed, budget))
    return max(result.spend.pictures / budget - 1, 0.0)


def resumes(world: World, seed: int, budget: int) -> bool:
    """Whether evolve, stopped in the middle and resumed, ends as it would have."""

    class Stop(Exception):
        pass

    def stop(step: Any) -> None:
        if step.node == "score" and step.event == "ended" and step.round == 4:
            raise Stop

    given = options(world, seed, budget)
    models = {name: given[name] for name in ("generator", "taste", "professional")}
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch)
        whole = evolve(world.queries, out=out, session="whole", **given)
        with suppress(Stop):
            evolve(world.queries, out=out, session="halves", progress=stop, **given)
        halves = evolve(resume=out / "halves", **models)
    return _told(whole) == _told(halves)


def _told(result: Any) -> str:
    row = as_json(result)
    told = ("instruction", "lineage", "candidates", "stop_reason")
    return json.dumps([*(row[name] for name in told), result.spend.pictures], sort_keys=True)


def by_number(world: World, places: list[int]) -> list[Query]:
    """The search requests at these places, for tools that know them by number."""
    return [world.queries.search[place] for place in places]
