"""`limner bench search`: how many pictures each search draws until its choice is good, ours beside the peers.

The target is fixed before anything is compared: the start instruction's worth plus four fifths of the way to the best
known one's. Every picture counts, also those of professional prompts. A tool that never gets there counts with the cap.
Peers play with the best of three settings, picked on other seeds. Each run is kept as it ends, so a stopped bench goes
on and seeds can be measured in pieces.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from functools import partial
from operator import le, lt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limner.agents import START
from limner.bench.conditions import conditions
from limner.bench.kept import Kept
from limner.bench.search_chart import chart
from limner.bench.search_desk import Desk, Limits, pictures_until
from limner.bench.search_peers import REQUIREMENTS, Peer
from limner.bench.search_tools import Trace, halving, ours, overshoot, random_search, resumes, run
from limner.bench.search_world import World, painter_world, surrogate_world
from limner.bench.surrogate import surrogate
from limner.bench.world.targets import Target, judged
from limner.statistics import mean_interval

OURS = "limner"
SETTINGS: dict[str, tuple[dict[str, Any], ...]] = {
    "random": ({"pictures": 4}, {"pictures": 8}, {"pictures": 16}),
    "halving": (
        {"candidates": 4, "pictures": 2},
        {"candidates": 8, "pictures": 2},
        {"candidates": 16, "pictures": 1},
    ),
    "gepa": (
        {"validation": 16, "minibatch": 3, "select": "pareto"},
        {"validation": 8, "minibatch": 3, "select": "current_best"},
        {"validation": 4, "minibatch": 2, "select": "current_best"},
    ),
    "EvoPromptDE": (
        {"population": 10, "queries": 10, "strategy": "full", "donor_random": False},
        {"population": 6, "queries": 6, "strategy": "full", "donor_random": False},
        {"population": 4, "queries": 4, "strategy": "full", "donor_random": False},
    ),
    "OPRO": (
        {"population": 4, "queries": 10, "strategy": "full", "step": 8},
        {"population": 2, "queries": 6, "strategy": "full", "step": 4},
        {"population": 2, "queries": 4, "strategy": "full", "step": 2},
    ),
}
"""Of each peer, its own defaults or the smallest that its authors use first; the others draw fewer pictures a step."""

CAP, HORIZON, STEP = 2000, 200, 10
SHARE = 0.8
SEEDS, PICKED_ON, FIRST_PICKED_ON = 100, 5, 1000
QUICK_SEEDS, QUICK_CAP, QUICK_HORIZON = 2, 120, 40
PAINTER_SEEDS, PAINTER_CAP = 3, 400
BUDGET = 60
"""Pictures that each tool is told it may draw, to see what it does."""
REPORTED = (50, 100, 200)
DRAWS = 10_000
TARGETS = {"ratio": Target(("ratio", "mean"), 0.6, le), "ratio, high": Target(("ratio", "high"), 1.0, lt)}

Runs = Mapping[str, Mapping[int, Trace]]
"""Tool -> seed -> trace."""


def measure(
    *,
    quick: bool = False,
    painter: bool = False,
    seeds: Sequence[int] | None = None,
    out: Path | None = None,
    picture: Path | None = None,
) -> dict[str, Any]:
    """Measure `ratio`, and each tool's pictures until the target.

    Args:
        quick: two seeds, a low cap, and no tool that has to be fetched.
        painter: on the painter itself, three seeds: hours. Only the order of the tools is looked at.
        seeds: these alone, to measure in pieces; all unless given.
        out: where runs are kept; a later call with the same folder goes on.
        picture: where the chart is written (SVG).
    """
    name = "bench-search" + ("-painter" if painter else "-quick" if quick else "")
    folder = (out or Path("runs")) / name
    with _world(folder, painter=painter) as world:
        limits = _limits(world, quick=quick, painter=painter)
        kept = Kept(folder / "parts.jsonl", {"world": world.name, "limits": asdict(limits), "settings": SETTINGS})
        tools = {tool: SETTINGS[tool] for tool in SETTINGS if not quick or tool not in REQUIREMENTS}
        several = QUICK_SEEDS if quick else PAINTER_SEEDS if painter else SEEDS
        chosen = list(range(several)) if seeds is None else list(seeds)
        settings = _settings(world, limits, kept, tools, quick=quick)
        runs = {tool: _runs(world, limits, kept, tool, settings.get(tool, {}), chosen) for tool in (OURS, *tools)}
        start = world.worth_of(START.text)
        habits = {} if painter else _habits(world, kept, settings)
    pictures = sum(trace[-1][0] for of in runs.values() for trace in of.values())
    figures = summary(runs, limits, start)
    if picture is not None:
        picture.write_text(chart(figures["curves"], STEP, limits.target), encoding="utf-8")
    return {
        **figures,
        **habits,
        "targets": judged(figures, TARGETS),
        "target": {"start": start, "best_known": surrogate().best_known, **asdict(limits)},
        "settings": settings,
        "world": world.name,
        "surrogate": surrogate().record,
        "peers": REQUIREMENTS,
        **conditions(seeds=chosen, pictures=pictures, quick=quick),
    }


@contextmanager
def _world(folder: Path, *, painter: bool) -> Iterator[World]:
    if not painter:
        yield surrogate_world(surrogate())
        return
    from limner.ledger import Ledger

    with Ledger.open(folder) as ledger:
        yield painter_world(ledger, surrogate().units)


def _limits(world: World, *, quick: bool, painter: bool) -> Limits:
    start, best = world.worth_of(START.text), world.worth_of(surrogate().best_known)
    cap, horizon = (QUICK_CAP, QUICK_HORIZON) if quick else (PAINTER_CAP, 0) if painter else (CAP, HORIZON)
    return Limits(cap, start + SHARE * (best - start), horizon)


def _settings(
    world: World, limits: Limits, kept: Kept, tools: Mapping[str, Sequence[dict[str, Any]]], *, quick: bool
) -> dict[str, dict[str, Any]]:
    """Of each peer, the setting with the fewest pictures on seeds that are not measured (quick: the last one).

    On the painter they are those of the surrogate, with its cap: pictures cost nothing there.
    """
    if quick:
        return {tool: settings[-1] for tool, settings in tools.items()}
    cheap = world if world.name == "surrogate" else surrogate_world(surrogate())
    limits = Limits(CAP, _limits(cheap, quick=False, painter=False).target, 0)
    picked_on = range(FIRST_PICKED_ON, FIRST_PICKED_ON + PICKED_ON)
    found = {}
    for tool, settings in tools.items():
        means = [
            _mean(pictures_until(trace, limits) for trace in _runs(cheap, limits, kept, tool, one, picked_on).values())
            for one in settings
        ]
        found[tool] = settings[int(np.argmin(means))]
    return found


def _runs(
    world: World, limits: Limits, kept: Kept, tool: str, setting: Mapping[str, Any], seeds: Sequence[int]
) -> dict[int, Trace]:
    """Traces by seed; the peer's process is started only if a run is missing."""
    names = {seed: f"{world.name}, {tool} {dict(setting)}, seed {seed}" for seed in seeds}
    missing = any(not kept.holds(name) for name in names.values())
    with Peer(tool) if tool in REQUIREMENTS and missing else nullcontext() as peer:
        return {
            seed: kept.part(name, partial(_run, world, limits, tool, setting, seed, peer))
            for seed, name in names.items()
        }


def _run(world: World, limits: Limits, tool: str, setting: Mapping[str, Any], seed: int, peer: Peer | None) -> Trace:
    if tool == OURS:
        return ours(world, limits, seed, setting)
    desk = Desk(world, limits, seed)
    if peer is not None:
        peer.run(desk, setting)
        return desk.trace
    return run(random_search if tool == "random" else halving, desk, setting)


def _habits(world: World, kept: Kept, settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What each tool draws beyond a budget that it was told, and whether it resumes exactly (None: it cannot)."""
    beyond = {OURS: kept.part("overshoot: limner", partial(overshoot, world, 0, BUDGET))}
    exact: dict[str, bool | None] = {OURS: kept.part("resume: limner", partial(resumes, world, 0, 3 * BUDGET))}
    for tool in (tool for tool in settings if tool in REQUIREMENTS):
        beyond[tool] = kept.part(f"overshoot: {tool}", partial(_peer_overshoot, world, tool, SETTINGS[tool][0]))
        exact[tool] = (
            kept.part(f"resume: {tool}", partial(_peer_resumes, world, tool, SETTINGS[tool][-1]))
            if tool == "gepa"
            else None
        )
    return {"budget_overshoot": beyond, "resume_equals_uninterrupted": exact, "budget_told": BUDGET}


def _free(world: World) -> Callable[[], Desk]:
    """Desks at which only the tool's own budget ends a run."""
    return lambda: Desk(world, Limits(CAP, 2.0, CAP), 0)


def _peer_overshoot(world: World, tool: str, setting: Mapping[str, Any]) -> float:
    desk = _free(world)()
    with Peer(tool) as peer:
        peer.run(desk, setting, budget=BUDGET)
    return max(desk.asked / BUDGET - 1, 0.0)


def _peer_resumes(world: World, tool: str, setting: Mapping[str, Any]) -> bool:
    """Told a budget, and in a second call with the same folder three times as much, against that at once."""
    whole, halves = _free(world)(), _free(world)()
    with tempfile.TemporaryDirectory() as scratch, Peer(tool) as peer:
        peer.run(whole, setting, budget=3 * BUDGET, folder=Path(scratch) / "whole")
        peer.run(halves, setting, budget=BUDGET, folder=Path(scratch) / "halves")
        peer.run(halves, setting, budget=3 * BUDGET, folder=Path(scratch) / "halves")
    return whole.tried == halves.tried


def summary(runs: Runs, limits: Limits, start: float) -> dict[str, Any]:
    """Pictures until the target by tool, and the ratio of ours to the peer that needs fewest, seeds paired."""
    until = {
        tool: np.array([pictures_until(trace, limits) for trace in of.values()], float) for tool, of in runs.items()
    }
    best = min((tool for tool in until if tool != OURS), key=lambda tool: until[tool].mean())
    return {
        "ratio": {**ratio(until[OURS], until[best]), "best_peer": best},
        "pictures_until_target": {tool: _pictures(values, limits) for tool, values in until.items()},
        "worth_after": {tool: {at: _after(of, at, start) for at in REPORTED} for tool, of in runs.items()},
        "curves": {
            tool: [_after(of, at, start) for at in range(0, limits.horizon + 1, STEP)] for tool, of in runs.items()
        },
    }


def ratio(first: NDArray[np.float64], second: NDArray[np.float64]) -> dict[str, float]:
    """Of two means over the same seeds, with a 95 % bootstrap interval (percentiles, seeds drawn with replacement)."""
    rng = np.random.default_rng(0)
    rows = rng.integers(0, len(first), (DRAWS, len(first)))
    low, high = np.quantile(first[rows].mean(1) / second[rows].mean(1), (0.025, 0.975))
    return {"mean": float(first.mean() / second.mean()), "low": float(low), "high": float(high)}


def _pictures(values: NDArray[np.float64], limits: Limits) -> dict[str, Any]:
    interval = mean_interval(values.tolist())
    assert interval is not None
    reached = float((values < limits.cap).mean())
    return {**interval._asdict(), "median": float(np.median(values)), "reached": reached}


def _after(of: Mapping[int, Trace], pictures: int, start: float) -> float:
    """Mean worth of what the tool would have answered after so many pictures; before any answer, the start's."""
    answers = (next((worth for drawn, worth in reversed(trace) if drawn <= pictures), start) for trace in of.values())
    return _mean(answers)


def _mean(values: Any) -> float:
    return float(np.mean(list(values)))
