"""`limner bench bandit`: how far each policy's final choice falls short of the best arm, with ours beside the peers.

All policies meet the same worlds and the same rewards (`bandit_worlds`), none is told a constant of them but the floor:
knowledge gradient that is told prior and noise. MABWiser plays in an environment of its own, by its public methods.
Ratios are of means over the same worlds, with a 95 % interval by the delta method.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from operator import le
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from limner.bandits import (
    POLICIES,
    Additive,
    Bigpe,
    EmpiricalGradient,
    KnowledgeGradient,
    Policy,
    SequentialHalving,
    SuccessiveRejects,
)
from limner.bench import bandit_worlds
from limner.bench.bandit_play import Played, play
from limner.bench.bandit_worlds import BLOCK, FIRST_SEED, HPS_MEAN, HPS_NOISE, HPS_SPREAD, PULLS, SETTINGS, Block
from limner.bench.conditions import conditions
from limner.bench.peers import python_with
from limner.bench.world.targets import Target, judged
from limner.statistics import mean_interval

OURS = EmpiricalGradient.name
DRIFTING = "discounted-ucb"
FLOOR = "knowledge-gradient, told"
HALVING = "halving"
FOR_REWARDS_OF_HPS = ("hps_12", "hps_30")

MABWISER = "mabwiser==2.7.4"
ALPHAS = {"mabwiser ucb1, alpha 1.25": 1.25, "mabwiser ucb1, alpha 0.02": 0.02}
"""MABWiser's usual constant, and the one that suits HPS-like rewards best: it is told what ours has to find out."""

BLOCKS, PEER_BLOCKS_ELSEWHERE = 16, 4
PEER_BLOCKS_A_JOB = 4

WORST_ELSEWHERE = "ours_over_best_elsewhere"
TARGETS = {
    "regret_12": Target(("regret_12",), 0.62e-3, le),
    "regret_30": Target(("regret_30",), 1.25e-3, le),
    "ours_over_sh": Target(("ours_over_sh",), 0.90, le),
    WORST_ELSEWHERE: Target((WORST_ELSEWHERE,), 1.15, le),
}

Regrets = dict[str, NDArray[np.float64]]


class _Job(NamedTuple):
    peer: str
    setting: str
    first: int
    result: Future[NDArray[np.float64]]


def measure(*, quick: bool = False) -> dict[str, Any]:
    """Measure `regret_12`, `regret_30`, `ours_over_sh` (the worse of both settings) and `ours_over_best` elsewhere.

    The quick version plays 250 worlds and leaves MABWiser out.
    """
    blocks = 1 if quick else BLOCKS
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        jobs = [] if quick else [*_start_peers(pool)]
        regrets, on_the_way = _play_all(blocks)
        for name, of_peers in _collect(jobs).items():
            regrets[name].update(of_peers)
    stationary = {name: of for name, of in regrets.items() if name != "drift"}
    elsewhere = {name: _over_best(of) for name, of in stationary.items() if name not in FOR_REWARDS_OF_HPS}
    over_halving = {name: _ratio(stationary[name], HALVING) for name in FOR_REWARDS_OF_HPS}
    figures = {
        "regret_12": float(regrets["hps_12"][OURS].mean()),
        "regret_30": float(regrets["hps_30"][OURS].mean()),
        "ours_over_sh": max(ratio["mean"] for ratio in over_halving.values()),
        "ours_over_sh_by_setting": over_halving,
        WORST_ELSEWHERE: max(ratio["mean"] for ratio in elsewhere.values()),
        "ours_over_best": elsewhere,
        "ours_over_mabwiser": {
            name: {peer: _ratio(stationary[name], peer) for peer in ALPHAS if peer in stationary[name]}
            for name in FOR_REWARDS_OF_HPS
        },
        "regret": {name: {policy: _mean(values) for policy, values in of.items()} for name, of in stationary.items()},
        "regret_under_drift": {policy: _mean(values) for policy, values in regrets["drift"].items()},
        "regret_per_pull_under_drift": {policy: _mean(values) for policy, values in on_the_way.items()},
        "settings": {name: setting.says for name, setting in SETTINGS.items()},
        "policies": {"ours": OURS, "for drift": DRIFTING, "floor": FLOOR},
        "worlds": blocks * BLOCK,
        "pulls": PULLS,
        **conditions(seeds=[FIRST_SEED], pictures=0, quick=quick),
    }
    return {**figures, "targets": judged(figures, TARGETS)}


def _policies(setting: str) -> dict[str, Callable[[], Policy]]:
    """Every policy with its defaults; halving and rejects know the budget.

    BIGPE's is left out, made for another scale, and `additive`, which is ours again where arms have no parts.
    """
    policies: dict[str, Callable[[], Policy]] = {
        name: partial(policy, seed=0) for name, policy in POLICIES.items() if policy not in (Bigpe, Additive)
    }
    policies[HALVING] = lambda: SequentialHalving(seed=0, budget=PULLS)
    policies["rejects"] = lambda: SuccessiveRejects(seed=0, budget=PULLS)
    if setting in FOR_REWARDS_OF_HPS:
        policies[FLOOR] = lambda: KnowledgeGradient(0, mean=HPS_MEAN, spread=HPS_SPREAD, noise=HPS_NOISE)
    return policies


def _play_all(blocks: int) -> tuple[dict[str, Regrets], Regrets]:
    """Regret of the final choice by setting and policy, and that of each pull under drift by policy."""
    played = {setting: _play(setting, blocks) for setting in SETTINGS}
    final = {
        setting: {name: np.concatenate([one.final for one in parts]) for name, parts in of.items()}
        for setting, of in played.items()
    }
    return final, {name: np.concatenate([one.pulls for one in parts]) for name, parts in played["drift"].items()}


def _play(setting: str, blocks: int) -> dict[str, list[Played]]:
    found: dict[str, list[Played]] = {}
    for number in range(blocks):
        block = Block(SETTINGS[setting], number)
        for name, build in _policies(setting).items():
            found.setdefault(name, []).append(play(build(), block, seed=number))
    return found


def _start_peers(pool: ThreadPoolExecutor) -> Iterator[_Job]:
    python = python_with(MABWISER)
    for setting in SETTINGS:
        if setting == "drift":
            continue
        blocks = BLOCKS if setting in FOR_REWARDS_OF_HPS else PEER_BLOCKS_ELSEWHERE
        for peer, alpha in ALPHAS.items():
            for first in range(0, blocks, PEER_BLOCKS_A_JOB):
                yield _Job(peer, setting, first, pool.submit(_play_peer, python, setting, alpha, first))


def _play_peer(python: Path, setting: str, alpha: float, first: int) -> NDArray[np.float64]:
    worlds = Path(bandit_worlds.__file__)
    files = str(worlds.with_name("mabwiser_script.py")), str(worlds)
    arguments = [setting, str(alpha), str(first), str(PEER_BLOCKS_A_JOB)]
    threads = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([python, *files, *arguments], capture_output=True, text=True, check=False, env=threads)
    if done.returncode:
        raise RuntimeError(f"{MABWISER} failed on {setting}: {done.stderr.strip()[-500:]}")
    return np.array(json.loads(done.stdout))


def _collect(jobs: list[_Job]) -> dict[str, Regrets]:
    found: dict[str, dict[str, list[NDArray[np.float64]]]] = {}
    for job in jobs:
        found.setdefault(job.setting, {}).setdefault(job.peer, []).append(job.result.result())
    return {name: {peer: np.concatenate(parts) for peer, parts in of.items()} for name, of in found.items()}


def _over_best(regrets: Regrets) -> dict[str, Any]:
    """Ours over whichever other policy did best beside it, worlds paired."""
    ratios: Mapping[str, dict[str, float]] = {name: _ratio(regrets, name) for name in regrets if name != OURS}
    best = max(ratios, key=lambda name: ratios[name]["mean"])
    return {"best": best, **ratios[best]}


def _ratio(regrets: Regrets, other: str) -> dict[str, float]:
    theirs = regrets[other]
    ours = regrets[OURS][: len(theirs)]
    ratio = float(ours.mean() / theirs.mean())
    residual = mean_interval(((ours - ratio * theirs) / theirs.mean()).tolist())
    assert residual is not None
    assert residual.low is not None
    assert residual.high is not None
    return {"mean": ratio, "low": ratio + residual.low, "high": ratio + residual.high}


def _mean(values: NDArray[np.float64]) -> dict[str, Any]:
    interval = mean_interval(values.tolist())
    assert interval is not None
    return {**interval._asdict(), "worlds": len(values)}
