"""How well the painter paints: shares of pictures that hold everything asked, by the oracle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from limner.microworld import language as say
from limner.microworld.captions import structured
from limner.microworld.grammar import facts, request
from limner.microworld.law import FRAME, Constraint, Scene
from limner.microworld.splits import Split, some_scene

if TYPE_CHECKING:
    from PIL.Image import Image

BATCH = 32


def paint(
    pipeline: Any, prompts: Sequence[str], *, seed: int = 0, steps: int = 16, guidance: float = 2.5
) -> list[Image]:
    """Pictures for prompts, in batches; each has its own seed."""
    import torch

    pictures: list[Image] = []
    for start in range(0, len(prompts), BATCH):
        some = list(prompts[start : start + BATCH])
        seeds = [torch.Generator("cpu").manual_seed(seed + start + i) for i in range(len(some))]
        pictures += pipeline(
            some, num_inference_steps=steps, guidance_scale=guidance, height=FRAME, width=FRAME, generator=seeds
        ).images
    return pictures


def some_scenes(count: int, things: int, seed: int, split: Split = "held_out") -> list[Scene]:
    """Well-drawn scenes of a given number of things."""
    rng = np.random.default_rng([seed, things])
    objects = [float(i + 1 == things) for i in range(5)]
    return [some_scene(rng, split, objects=objects, well=True) for _ in range(count)]


def figures(pipeline: Any, *, count: int = 64, seed: int = 0, **how: Any) -> dict[str, float]:
    """The painter's shares, on scenes of held-out contents.

    By number of things: `N_all` everything holds, places included; `N_things` the right kinds in the right number,
    wherever they stand; `N_cells` places one by one. `2_loose` is `2_asked` of the same scenes asked loosely:
    everything that the request asks. `well_*` are the shares of well-drawn pictures with and without words of quality.
    """
    rng = np.random.default_rng([seed, 99])
    report: dict[str, float] = {}
    for things in (1, 2, 3):
        scenes = some_scenes(count if things < 3 else count // 2, things, seed)
        prompts = [structured(scene, rng, say.some(rng, say.QUALITY, 2), complete=True) for scene in scenes]
        report |= _shares(str(things), scenes, paint(pipeline, prompts, seed=seed, **how))
        if things == 2:
            report |= _loosely(scenes, prompts, pipeline, rng, seed, how)
    return {name: round(value, 3) for name, value in report.items()}


def _shares(name: str, scenes: Sequence[Scene], pictures: Sequence[Image]) -> dict[str, float]:
    from limner.microworld.oracle import read, verdict

    readings = [read(picture) for picture in pictures]
    held = [{c: verdict(r, c) is True for c in facts(s)} for s, r in zip(scenes, readings, strict=True)]

    def share(*kinds: str) -> float:
        return float(np.mean([all(ok for c, ok in row.items() if c.kind in kinds) for row in held]))

    cells = [ok for row in held for c, ok in row.items() if c.kind == "place"]
    return {
        f"{name}_all": share("place", "count", "ground"),
        f"{name}_things": share("count"),
        f"{name}_cells": float(np.mean(cells)),
        f"{name}_ground": share("ground"),
        f"well_{name}": float(np.mean([r.well is True for r in readings])),
    }


def _loosely(
    scenes: Sequence[Scene], prompts: Sequence[str], pipeline: Any, rng: np.random.Generator, seed: int, how: Any
) -> dict[str, float]:
    from limner.microworld.oracle import read, verdict

    requests = [request(scene, rng) for scene in scenes]

    def asked(pictures: Sequence[Image]) -> float:
        wanted: list[list[Constraint]] = [[c for c in r.constraints if c.kind != "quality"] for r in requests]
        return float(
            np.mean([all(verdict(read(p), c) is True for c in cs) for p, cs in zip(pictures, wanted, strict=True)])
        )

    plain = paint(pipeline, [r.text for r in requests], seed=seed, **how)
    bare = [structured(scene, rng, [], complete=True) for scene in scenes]
    return {
        "2_asked": asked(paint(pipeline, prompts, seed=seed, **how)),
        "2_loose": asked(plain),
        "well_loose": float(np.mean([read(p).well is True for p in plain])),
        "well_bare": float(np.mean([read(p).well is True for p in paint(pipeline, bare, seed=seed, **how)])),
    }
