"""The hidden preference of the embedded world: which of two pictures a person there would rather have for a request.

A picture's utility weighs what was asked (half), how well it is drawn and how it is composed. People choose by
Bradley-Terry: the better picture wins with probability 1 / (1 + exp(-gap / TEMPERATURE)). The taste model learns from
such choices alone; benchmarks compare it with the utility itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from limner.microworld.law import COLOURS, GROUNDS, SHAPES, SIZES, Constraint, Scene, Thing, holds

if TYPE_CHECKING:
    from numpy.random import Generator as Random

FAITHFUL, WELL, COMPOSED = 0.5, 0.3, 0.2
"""Weights of the three parts of the utility; they sum to 1."""
TEMPERATURE = 0.047
"""At this noise a judge that knows the utility agrees with 92 % of the choices between rival pictures."""
_MASS = {"small": 1.0, "large": 2.0}
"""Visual weight by size: the ratio of the two areas."""


def composition(scene: Scene) -> float:
    """Balance (mass near the middle) and breathing room (few things side by side), in 0..1."""
    if not scene.things:
        return 0.0
    return 0.5 * _balance(scene) + 0.5 * _room(scene)


def _balance(scene: Scene) -> float:
    masses = [_MASS[thing.size] for thing in scene.things]
    total = sum(masses)
    x = sum(m * (thing.cell % 3 - 1) for m, thing in zip(masses, scene.things, strict=True)) / total
    y = sum(m * (thing.cell // 3 - 1) for m, thing in zip(masses, scene.things, strict=True)) / total
    return 1.0 - math.hypot(x, y) / math.sqrt(2.0)


def _room(scene: Scene) -> float:
    cells = [divmod(thing.cell, 3) for thing in scene.things]
    touching = sum(abs(a[0] - b[0]) + abs(a[1] - b[1]) == 1 for i, a in enumerate(cells) for b in cells[:i])
    return max(0.0, 1.0 - touching / len(cells))


def faithfulness(scene: Scene, constraints: Sequence[Constraint]) -> float:
    """Share of the constraints that hold, in 0..1; 1 where nothing was asked."""
    if not constraints:
        return 1.0
    return sum(holds(scene, constraint) for constraint in constraints) / len(constraints)


def utility(scene: Scene, constraints: Sequence[Constraint]) -> float:
    """How good a picture of this scene is for somebody who asked for these constraints, in 0..1."""
    return FAITHFUL * faithfulness(scene, constraints) + WELL * scene.well + COMPOSED * composition(scene)


def p_first(first: float, second: float) -> float:
    """Probability that a person prefers the first of two pictures with these utilities (Bradley and Terry, 1952)."""
    return 1.0 / (1.0 + math.exp((second - first) / TEMPERATURE))


def prefers_first(first: float, second: float, rng: Random) -> bool:
    """One person's choice between two pictures with these utilities."""
    return bool(rng.random() < p_first(first, second))


def rival(scene: Scene, rng: Random) -> Scene:
    """A picture that a painter may give to somebody who wanted this scene: up to three slips, drawn well or badly."""
    slips = int(rng.choice(4, p=(0.3, 0.35, 0.2, 0.15)))
    things = list(scene.things)
    for _ in range(slips):
        things = _slip(things, rng)
    if rng.random() < 0.25:
        cells = rng.choice(9, len(things), replace=False)
        things = [replace(thing, cell=int(cell)) for thing, cell in zip(things, cells, strict=True)]
    ground = str(rng.choice(list(GROUNDS))) if rng.random() < 0.15 else scene.ground
    things.sort(key=lambda thing: thing.cell)
    return Scene(tuple(things), ground, bool(rng.random() < 0.5))


def _slip(things: list[Thing], rng: Random) -> list[Thing]:
    """One thing goes wrong: missing, added, moved, or of another colour, shape or size."""
    at = int(rng.integers(len(things)))
    free = [cell for cell in range(9) if all(thing.cell != cell for thing in things)]
    kind = rng.choice(("drop", "add", "move", "colour", "shape", "size"), p=(0.14, 0.14, 0.22, 0.22, 0.18, 0.1))
    if kind == "drop" and len(things) > 1:
        return things[:at] + things[at + 1 :]
    if kind == "add" and len(things) < 5:
        return [*things, _stray(int(rng.choice(free)), rng)]
    changes: dict[str, dict[str, Any]] = {
        "move": {"cell": int(rng.choice(free))},
        "colour": {"colour": str(rng.choice(list(COLOURS)))},
        "shape": {"shape": str(rng.choice(SHAPES))},
        "size": {"size": str(rng.choice(SIZES))},
    }
    changed = changes.get(str(kind), changes["size"])
    return [*things[:at], replace(things[at], **changed), *things[at + 1 :]]


def _stray(cell: int, rng: Random) -> Thing:
    return Thing(str(rng.choice(SHAPES)), str(rng.choice(list(COLOURS))), str(rng.choice(SIZES)), cell)
