"""Drawing a scene: 48 x 48 RGB pixels, well or badly drawn.

Shapes are signed distances, antialiased by a one-pixel ramp, so a drawing costs a few small numpy operations. A bad
drawing keeps shape, colour, size and place readable but has crooked outlines, patchy fill, a mottled ground and
colours slightly off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limner.microworld.law import CELL, COLOURS, FRAME, GROUNDS, Scene, Thing

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

ACROSS = {"small": 10.0, "large": 14.0}
"""Pixels across, by size."""
JITTER = {"small": 1.5, "large": 1.0}
"""Largest distance of a thing's centre from its cell's centre in x and in y."""
_REACH = 11
_AXIS: Floats = np.arange(FRAME, dtype=np.float32) + 0.5


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawn scene: the pixels, and where each thing (in the scene's order) stands and how far across it is."""

    scene: Scene
    pixels: Pixels
    centres: tuple[tuple[float, float], ...]
    across: tuple[float, ...]


def render(scene: Scene, rng: np.random.Generator) -> Pixels:
    """Draw a scene: uint8 array of shape (48, 48, 3)."""
    return draw(scene, rng).pixels


def draw(scene: Scene, rng: np.random.Generator) -> Drawing:
    """Draw a scene and say where its things were put."""
    canvas = _ground(scene, rng)
    centres = tuple(_centre(thing, rng) for thing in scene.things)
    across = tuple(ACROSS[thing.size] * float(rng.uniform(0.96, 1.04)) for thing in scene.things)
    for thing, centre, size in zip(scene.things, centres, across, strict=True):
        _paint(canvas, thing, centre, size, well=scene.well, rng=rng)
    pixels = np.clip(canvas + 0.5, 0, 255).astype(np.uint8)
    return Drawing(scene, pixels, centres, across)


def _centre(thing: Thing, rng: np.random.Generator) -> tuple[float, float]:
    dx, dy = rng.uniform(-1, 1, 2) * JITTER[thing.size]
    return (thing.cell % 3 + 0.5) * CELL + float(dx), (thing.cell // 3 + 0.5) * CELL + float(dy)


def _ground(scene: Scene, rng: np.random.Generator) -> Floats:
    canvas = np.empty((FRAME, FRAME, 3), np.float32)
    canvas[:] = GROUNDS[scene.ground]
    if not scene.well:
        # Mud is pulled towards mid-grey, because noise around white or black would be clipped half away.
        canvas += (128 - canvas) * rng.uniform(0.06, 0.12)
        canvas += rng.uniform(14, 22) * _clouds(rng, 7)[..., None] + rng.normal(0, 5, (FRAME, FRAME, 1))
    return canvas


def _paint(
    canvas: Floats, thing: Thing, centre: tuple[float, float], across: float, *, well: bool, rng: np.random.Generator
) -> None:
    x0, y0 = (max(0, int(c) - _REACH) for c in centre)
    x1, y1 = (min(FRAME, int(c) + _REACH) for c in centre)
    x, y = np.meshgrid(_AXIS[x0:x1] - np.float32(centre[0]), _AXIS[y0:y1] - np.float32(centre[1]))
    colour = np.array(COLOURS[thing.colour], np.float32)
    if well:
        cover = np.clip(0.5 - distance(thing.shape, across, x, y), 0, 1)
    else:
        x, y = _wobble(x, y, across, rng)
        cover = np.clip(0.5 - distance(thing.shape, across, x, y), 0, 1) * _patches(rng, across)[y0:y1, x0:x1]
        colour = colour + rng.normal(0, 7, 3).astype(np.float32)
    patch = canvas[y0:y1, x0:x1]
    patch += cover[..., None] * (colour - patch)


def distance(shape: str, across: float, x: Floats, y: Floats) -> Floats:
    """Signed distance in pixels (negative inside) of points relative to a shape's centre."""
    outline: Floats = _outline(shape, across, x, y).astype(np.float32)
    return outline


def _outline(shape: str, across: float, x: Floats, y: Floats) -> Any:
    r = across / 2
    if shape == "circle":
        return np.hypot(x, y) - r
    if shape == "ring":
        band = 0.15 * across
        return np.abs(np.hypot(x, y) - (r - band)) - band
    if shape == "square":
        return np.maximum(np.abs(x), np.abs(y)) - 0.9 * r
    if shape == "triangle":
        # Apex up; base and apex sit on the box of side `across`, the side edges have slope 2.
        return np.maximum(y - 0.9 * r, (2 * np.abs(x) - y - r) / np.sqrt(5, dtype=np.float32))
    if shape == "cross":
        a, b = np.abs(x), np.abs(y)
        arm = 0.19 * across
        return np.minimum(np.maximum(a - r, b - arm), np.maximum(b - r, a - arm))
    raise ValueError(f"unknown shape {shape!r}: the law knows circle, square, triangle, cross and ring")


def _wobble(x: Floats, y: Floats, across: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Bend the plane by two slow waves and turn it a little: outlines become crooked, shapes stay themselves."""
    turn = rng.uniform(-0.16, 0.16)
    bend = rng.uniform(0.03, 0.045) * across
    waves = rng.uniform(1.3, 2.1, 4) * 2 * np.pi / across / 1.6
    phases = rng.uniform(0, 2 * np.pi, 4)
    u = np.cos(turn) * x - np.sin(turn) * y
    v = np.sin(turn) * x + np.cos(turn) * y
    crooked_x = u + bend * (np.sin(waves[0] * v + phases[0]) + 0.6 * np.sin(waves[1] * u + phases[1]))
    crooked_y = v + bend * (np.sin(waves[2] * u + phases[2]) + 0.6 * np.sin(waves[3] * v + phases[3]))
    return crooked_x.astype(np.float32), crooked_y.astype(np.float32)


def _patches(rng: np.random.Generator, across: float) -> Floats:
    """Cover of the fill over the frame: mostly full colour, with streaks and blotches that let the ground through."""
    paleness = np.clip(0.9 * _clouds(rng, 16 if across > 11 else 20), 0, 1)
    cover: Floats = (1 - rng.uniform(0.5, 0.7) * paleness).astype(np.float32)
    return cover


def _clouds(rng: np.random.Generator, grid: int) -> Floats:
    """Smooth noise over the frame with unit deviation: a coarse random grid, bilinearly enlarged."""
    coarse = rng.normal(0, 1, (grid + 1, grid + 1)).astype(np.float32)
    at = _AXIS * (grid / FRAME)
    low = at.astype(np.int64)
    part = (at - low)[:, None]
    rows = coarse[low] * (1 - part) + coarse[low + 1] * part
    smooth: Floats = (rows[:, low] * (1 - part.T) + rows[:, low + 1] * part.T).astype(np.float32)
    return smooth
