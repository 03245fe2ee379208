"""`limner bench resume`: evolve is killed (SIGKILL) at random moments of every kind of node, and resumed until done.

Three runs: one uninterrupted, one killed again and again on the embedded painter (or a fake, with `--quick`), and one
killed while it pays a loopback endpoint that keeps its own count of calls. `identical` compares results but for the
session's name and its times; `repeated_pictures` counts recorded pictures that were drawn again.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from limner.bench.conditions import conditions
from limner.bench.victim import recipe_hash
from limner.ledger import Ledger
from limner.testing.image_server import ImageServer

NODES = ("plan", "write", "ask", "draw", "score", "learn", "criticise", "modify", "choose", "tabulate")
SEED = 7
KILLS, ENDPOINT_KILLS = 20, 6
LONGEST_WAIT = 1.5
"""Seconds after the start of a node within which the kill falls; draws take longer, other nodes less."""
CHILD_LIMIT = 600.0
OPTIONS = {"seed": SEED, "rounds": 6, "batch": 2, "validation": 6, "held_out": 8}
QUICK = {"seed": SEED, "rounds": 2, "batch": 2, "validation": 3, "held_out": 3}
UNSTABLE = ("session", "folder", "report", "spend", "spend_by_role")
"""What may differ between two equal runs: names and times; the countable part of `spend` is compared apart."""


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
            "by_node": {name: cut.by_node[name] for name in NODES},
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
    with ImageServer() as server:
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
    targets = _targets(kills, rng)
    resume = False
    while True:
        recorded, before = _recorded(killed.session), _lines(notes)
        target = targets[sum(killed.by_node.values())] if sum(killed.by_node.values()) < kills else None
        child = {**request, "notes": str(notes), "resume": str(killed.session) if resume else None}
        if not resume:
            child["options"] = {**request["options"], "out": str(folder), "session": "session"}
        node = _one_child(child, target, rng)
        killed.repeated += len(recorded & set(_lines(notes)[len(before) :]))
        if node is None:
            return killed
        killed.by_node[node] += 1
        resume = (killed.session / "session.json").exists()


def _targets(kills: int, rng: random.Random) -> list[str]:
    """The nodes in which to kill: every kind in turn, in the order in which a run meets them."""
    search, last = NODES[:-2], NODES[-2:]
    early = [search[i % len(search)] for i in range(max(kills - 4, 0))]
    rng.shuffle(early)
    return [*early, *[last[i // 2] for i in range(min(kills, 4))]][:kills]


def _one_child(request: dict[str, Any], target: str | None, rng: random.Random) -> str | None:
    """Start a child and kill it in the target node; returns that node, or None if the child came to its end."""
    command = [sys.executable, "-m", "limner.bench.victim", json.dumps(request)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        skip = rng.randrange(2)
        for node in _started(process.stdout):
            if node != target:
                continue
            if skip:
                skip -= 1
                continue
            time.sleep(rng.uniform(0, LONGEST_WAIT if node in ("draw", "score") else 0.01))
            process.kill()
            process.wait(CHILD_LIMIT)
            return node if process.returncode == -9 else None
        if process.wait(CHILD_LIMIT) != 0:
            raise RuntimeError(f"a child of the benchmark ended with {process.returncode}; run it by hand: {command}")
    return None


def _started(lines: Any) -> Iterator[str]:
    for line in lines:
        word, _, node = line.strip().partition(" ")
        if word == "start":
            yield node


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
