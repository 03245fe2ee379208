"""`limner bench resume`: evolve is killed (SIGKILL) at random moments of every kind of node, and resumed until done.

Three runs: one uninterrupted, one killed again and again on the embedded painter (or a fake, with `--quick`), and one
killed while it pays a loopback endpoint that keeps its own count of calls. `identical` compares results but for the
session's name and its times; `repeated_pictures` counts recorded pictures that were drawn again.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

from limner.bench.conditions import conditions
from limner.bench.victim import recipe_hash
from limner.ledger import Ledger
from limner.testing import HashGenerator, ImageServer

PHASES = ("search", "validation", "held_out")
ORDER = ("write", "ask", "draw", "score", "learn", "criticise", "modify", "choose", "tabulate", "plan")
"""Nodes in the order in which one batch meets them."""
KINDS = ("draw", "choose", "score", "learn", "write", "tabulate", "ask", "plan", "criticise", "modify")
"""Nodes in the order in which kills are dealt out, so that few kills fall where most can go wrong."""
SEED = 7
KILLS, ENDPOINT_KILLS = 20, 6
LONGEST_WAIT = {"microworld": 1.5, "fake": 0.25, "images:loopback": 0.25}
"""Seconds after the start of a draw or score within which the kill falls: about as long as a draw takes."""
CHILD_LIMIT = 600.0
OPTIONS = {"seed": SEED, "rounds": 6, "batch": 2, "validation": 6, "held_out": 8}
QUICK = {"seed": SEED, "rounds": 2, "batch": 2, "validation": 3, "held_out": 3}
UNSTABLE = ("session", "folder", "report", "spend", "spend_by_role")
"""What may differ between two equal runs: names and times; the countable part of `spend` is compared apart."""


class Moment(NamedTuple):
    """Where a run stands; moments compare as a run meets them."""

    phase: int
    round: int
    node: int


@dataclass
class _Killed:
    """What happened to a run that was killed."""

    session: Path
    by_node: Counter[str] = field(default_factory=Counter)
    repeated: int = 0


def measure(*, quick: bool = False) -> dict[str, Any]:
    """Kill, resume, compare."""
    options, generator = (QUICK, "fake") if quick else (OPTIONS, "microworld")
    kills, endpoint_kills = (3, 2) if quick else (KILLS, ENDPOINT_KILLS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole = _run_killed(folder / "whole", _request(generator, options), kills=0)
        cut = _run_killed(folder / "cut", _request(generator, options), kills=kills)
        endpoint = _endpoint(folder / "endpoint", options, endpoint_kills)
        first, second = _result(whole), _result(cut)
        return {
            "kills": sum(cut.by_node.values()),
            "by_node": {name: cut.by_node[name] for name in ORDER},
            "identical": _stable(first) == _stable(second) and _counts(first) == _counts(second),
            "repeated_pictures": cut.repeated + whole.repeated,
            "overspent": max(0, _counts(second)["pictures"] - _counts(first)["pictures"]) + endpoint["overspent"],
            "endpoint": endpoint,
            **conditions(seeds=[SEED], pictures=_counts(first)["pictures"], quick=quick),
        }


def _request(generator: str, options: dict[str, Any], endpoint: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"generator": generator, "options": options, "endpoint": endpoint or {}}


def _endpoint(folder: Path, options: dict[str, Any], kills: int) -> dict[str, Any]:
    """Kill a run whose pictures come from an endpoint, which counts what it was asked for."""
    with ImageServer(HashGenerator(delay=0.05), lifetime=CHILD_LIMIT) as server:
        reach = {"base_url": server.base_url, "api_key": "loopback", "price_per_call": 0.01}
        budget = {"budget_pictures": 120, "budget_money_usd": 1.2}
        killed = _run_killed(folder, _request("images:loopback", {**options, **budget}, reach), kills=kills)
        served = server.calls
    spend = _counts(_result(killed))
    return {
        "kills": sum(killed.by_node.values()),
        "served": served,
        "charged": spend["pictures"],
        "budget": budget["budget_pictures"],
        "overspent": max(0, served - budget["budget_pictures"]) + max(0, served - spend["pictures"]),
    }


def _run_killed(folder: Path, request: dict[str, Any], *, kills: int) -> _Killed:
    """Run a request to its end, killing it so many times on the way."""
    rng = random.Random(f"{SEED} {folder.name}")
    killed = _Killed(folder / "session")
    notes = folder / "drawn.txt"
    folder.mkdir()
    targets = _targets(kills, request["options"]["rounds"], rng)
    resume = False
    while True:
        recorded, before = _recorded(killed.session), _lines(notes)
        child = {**request, "notes": str(notes), "resume": str(killed.session) if resume else None}
        if not resume:
            child["options"] = {**request["options"], "out": str(folder), "session": "session"}
        node = _one_child(child, targets.pop(0) if targets else None, rng)
        killed.repeated += len(recorded & set(_lines(notes)[len(before) :]))
        if node is None:
            return killed
        killed.by_node[node] += 1
        resume = (killed.session / "session.json").exists()


def _targets(kills: int, rounds: int, rng: random.Random) -> list[Moment]:
    """When to kill, in order: every kind of node in turn, those of the search in random rounds."""
    targets = []
    for node in islice(cycle(KINDS), kills):
        phase = {"choose": 1, "tabulate": 2}.get(node, 0)
        targets.append(Moment(phase, 0 if phase else rng.randint(1, rounds), ORDER.index(node)))
    return sorted(targets)


def _one_child(request: dict[str, Any], target: Moment | None, rng: random.Random) -> str | None:
    """Start a child and kill it once it is at the target; returns the node, or None if it came to its end."""
    command = [sys.executable, "-m", "limner.bench.victim", json.dumps(request)]
    longest = LONGEST_WAIT[request["generator"]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for node, moment in _started(process.stdout):
            if target is None or moment < target:
                continue
            if moment.phase == target.phase and moment.node != target.node:
                continue  # a resumed run may have passed the node in this round: wait for the next of its kind
            time.sleep(rng.uniform(0, longest) if node in ("draw", "score") else 0)
            process.kill()
            process.wait(CHILD_LIMIT)
            return node if process.returncode == -signal.SIGKILL else None
        if process.wait(CHILD_LIMIT) != 0:
            raise RuntimeError(f"a child of the benchmark ended with {process.returncode}; run it by hand: {command}")
    return None


def _started(lines: Iterable[str]) -> Iterator[tuple[str, Moment]]:
    """Each node that a child says it has started."""
    for line in lines:
        word, *rest = line.split()
        if word == "start":
            node, phase, number = rest
            yield node, Moment(PHASES.index(phase), int(number) if phase == PHASES[0] else 0, ORDER.index(node))


def _recorded(session: Path) -> set[str]:
    """Every recipe whose picture the ledger holds."""
    if not (session / "ledger.sqlite").exists():
        return set()
    with Ledger.open(session, replay=True) as ledger:
        return {recipe_hash(picture.recipe) for picture in ledger.pictures()}


def _lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def _result(killed: _Killed) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((killed.session / "result.json").read_text())
    return result


def _stable(result: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in result.items() if name not in UNSTABLE}


def _counts(result: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in result["spend"].items() if name != "seconds"}
