"""How well a painter paints: what holds in its pictures of held-out scenes, by the oracle.

One implementation for the quick look during training and for the benchmark: whoever calls says how prompts become
readings. Each figure is a list with one value for each scene, so that a caller can give its mean or its interval.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from limner.microworld import language as say
from limner.microworld.captions import structured
from limner.microworld.grammar import facts, request
from limner.microworld.law import Constraint, Scene
from limner.microworld.oracle import Reading, verdict
from limner.microworld.splits import Split, some_scene

See = Callable[[Sequence[str], int], Sequence[Reading]]
"""(prompts, seed of the first picture; each next one's is one more) -> what the oracle read in the pictures."""
NAMES = {1: "one_object", 2: "two_objects", 3: "three_objects", 4: "four_objects", 5: "five_objects"}
"""What a figure is called, by the number of things in its scenes."""
_COMPARED = (1, 2)
"""Numbers of things for which the same scenes are also asked without words of quality."""
_SEEDS_APART = 100_000


def some_scenes(count: int, things: int, seed: int, split: Split = "held_out") -> list[Scene]:
    """Well-drawn scenes of a given number of things."""
    rng = np.random.default_rng([seed, things])
    objects = [float(i + 1 == things) for i in range(5)]
    return [some_scene(rng, split, objects=objects, well=True) for _ in range(count)]


def complete_prompts(scenes: Sequence[Scene], seed: int, *, quality: bool = True) -> list[str]:
    """A complete structured prompt for each scene; the same seed gives the same but for the two words of quality."""
    prompts = []
    for number, scene in enumerate(scenes):
        words = say.some(np.random.default_rng([seed, number, 1]), say.QUALITY, 2) if quality else []
        prompts.append(structured(scene, np.random.default_rng([seed, number]), words, complete=True))
    return prompts


def painter_figures(see: See, counts: Mapping[int, int], seed: int = 0) -> dict[str, list[float]]:
    """The painter's figures on `counts[n]` scenes of n things, held-out contents, asked completely.

    `one_object` ... `five_objects`: everything holds, places and sizes included. With a suffix: `_exact` that, and
    nothing else stands there; `_kinds` the right kinds in the right number, wherever they stand; `_places` the share
    of things in their place; `_ground`; `_well` drawn well. For one and two things `_well_bare` is `_well` without the
    words of quality, and `quality_gain` the difference. `two_objects_loose`: everything that a plain request for the
    same scene asks holds in the picture of that request; `two_objects_asked`: the same in the picture of the complete
    prompt; `loose_loss` is `two_objects` minus `two_objects_loose`. Unclear counts as not holding.
    """
    report: dict[str, list[float]] = {"quality_gain": []}
    for things, count in counts.items():
        first = (seed * len(NAMES) + things) * _SEEDS_APART
        scenes = some_scenes(count, things, seed)
        readings = see(complete_prompts(scenes, first), first)
        report |= _shares(NAMES[things], scenes, readings)
        if things in _COMPARED:
            bare = see(complete_prompts(scenes, first, quality=False), first)
            report |= _bare(NAMES[things], report, bare)
        if things == 2:
            report |= _loose(scenes, readings, see, first, report[NAMES[2]])
    return report


def scenes_behind(figure: str, counts: Mapping[int, int], seed: int = 0) -> list[Scene]:
    """The scenes whose pictures the values of a figure of `painter_figures` tell of, in their order."""
    if figure == "quality_gain":
        numbers = [things for things in counts if things in _COMPARED]
    elif figure == "loose_loss":
        numbers = [2]
    else:
        numbers = [things for things in counts if figure.startswith(NAMES[things])]
    return [scene for things in numbers for scene in some_scenes(counts[things], things, seed)]


def all_hold(reading: Reading, constraints: Sequence[Constraint]) -> float:
    """1 where every constraint holds in what was read, else 0."""
    return float(all(verdict(reading, constraint) is True for constraint in constraints))


def _shares(name: str, scenes: Sequence[Scene], readings: Sequence[Reading]) -> dict[str, list[float]]:
    pairs = list(zip(scenes, readings, strict=True))

    def holding(*kinds: str) -> list[float]:
        return [all_hold(reading, [c for c in facts(scene) if c.kind in kinds]) for scene, reading in pairs]

    correct = holding("place", "count", "ground")
    places = [[all_hold(r, [c]) for c in facts(s) if c.kind == "place"] for s, r in pairs]
    return {
        name: correct,
        f"{name}_exact": [
            float(ok and r.clear and len(r.things) == len(s.things)) for ok, (s, r) in zip(correct, pairs, strict=True)
        ],
        f"{name}_kinds": holding("count"),
        f"{name}_places": [sum(row) / len(row) for row in places],
        f"{name}_ground": holding("ground"),
        f"{name}_well": _well(readings),
    }


def _bare(name: str, report: Mapping[str, list[float]], bare: Sequence[Reading]) -> dict[str, list[float]]:
    gains = [a - b for a, b in zip(report[f"{name}_well"], _well(bare), strict=True)]
    return {f"{name}_well_bare": _well(bare), "quality_gain": report["quality_gain"] + gains}


def _loose(
    scenes: Sequence[Scene], readings: Sequence[Reading], see: See, first: int, complete: Sequence[float]
) -> dict[str, list[float]]:
    rng = np.random.default_rng([first, 2])
    requests = [request(scene, rng) for scene in scenes]
    asked = [[c for c in one.constraints if c.kind != "quality"] for one in requests]
    seen = see([one.text for one in requests], first)
    loose = [all_hold(r, constraints) for r, constraints in zip(seen, asked, strict=True)]
    return {
        "two_objects_loose": loose,
        "two_objects_loose_well": _well(seen),
        "two_objects_asked": [all_hold(r, constraints) for r, constraints in zip(readings, asked, strict=True)],
        "loose_loss": [a - b for a, b in zip(complete, loose, strict=True)],
    }


def _well(readings: Sequence[Reading]) -> list[float]:
    return [float(reading.well is True) for reading in readings]
