"""The oracle: reads a picture of the embedded world by classical image analysis, without learned weights.

For each of the nine cells it fits every shape, size and offset (the renderer's own outlines, softened as painters
soften them) to the difference from the ground by least squares, all templates and cells in one matrix product; colours
are nearest palette entries; a ring is a round thing whose middle is paler than its rim; how well a picture is drawn
follows from what an ideal drawing leaves unexplained. What cannot be told is unclear, and an unclear verdict is None:
the caller counts it as not correct. The oracle judges results and never steers a search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image

from limner.microworld.law import (
    CELL,
    COLOURS,
    FRAME,
    GROUNDS,
    SHAPES,
    SIZES,
    Case,
    Constraint,
    Scene,
    Thing,
    holds,
    matches,
)
from limner.microworld.render import ACROSS, distance

Floats = NDArray[np.float32]

_OFFSETS = np.arange(-2.25, 2.26, 0.75)
_SCALES = (0.96, 1.04)
_TURNS = (-0.12, 0.0, 0.12)
_SOFT = np.array([0.2, 0.6, 0.2], np.float32)
"""How far outlines are blurred along either axis: painters soften what they draw, and half a hole is still a ring."""
_RIM = len(_SOFT) // 2
_GREY = 0.3
"""Weight of brightness against hue in a difference: mud on a ground is grey, things are coloured."""
_ROUND = ("circle", "ring")
"""Told from each other by how much the middle is filled: a painter's holes are often half closed."""
_PALEST = 0.4
"""Share of its colour that even a patchy fill keeps."""


class Unclear(Enum):
    """What a cell holds when something stands there and it cannot be told what."""

    UNCLEAR = "unclear"


UNCLEAR = Unclear.UNCLEAR


@dataclass(frozen=True, slots=True)
class Reading:
    """What the oracle saw: per cell a thing, nothing or unclear; the ground and the quality, None if unclear."""

    cells: tuple[Thing | Unclear | None, ...]
    ground: str | None
    well: bool | None

    @property
    def things(self) -> tuple[Thing, ...]:
        """The things that were read, in cell order."""
        return tuple(cell for cell in self.cells if isinstance(cell, Thing))

    @property
    def clear(self) -> bool:
        """Whether every cell could be told."""
        return UNCLEAR not in self.cells


@dataclass(frozen=True, slots=True)
class Judgement:
    """A picture against a case: whether every constraint holds, whether it is well drawn, and the single verdicts."""

    all_correct: bool
    well_drawn: bool
    verdicts: tuple[bool | None, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """Thresholds of the reading, set on renderings and on their reconstructions by the painter's autoencoder.

    contrast: difference of a thing from the ground (grey levels, brightness weighted down) below which a cell is empty.
    explained, margin: share of a cell's difference that the best template must explain, and by how much it must beat
    the best template of another shape. colour: how much nearer than the second the best palette colour must be.
    rough: roughness (grey levels) from which on a picture is badly drawn; drawings and softened drawings of either kind
    keep away from it (below 1.4, above 4.5).
    """

    contrast: float = 28.0
    explained: float = 0.55
    margin: float = 0.004
    colour: float = 0.9
    hollow: float = 0.68
    hollow_rough: float = 0.58
    rough: float = 4.0


LIMITS = Limits()


class _Templates(NamedTuple):
    """Covers (N, 256) of every shape, size, scale and offset in a cell, and what each one is.

    circles, rings: the numbers of the round ones; those at the same index are alike but for the hole.
    """

    covers: Floats
    energy: Floats
    shape: NDArray[np.int64]
    size: NDArray[np.int64]
    circles: NDArray[np.int64]
    rings: NDArray[np.int64]


@lru_cache(maxsize=1)
def _templates() -> _Templates:
    covers, kinds = [], []
    for (shape_id, shape), (size_id, size), scale in product(enumerate(SHAPES), enumerate(SIZES), _SCALES):
        turns = (0.0,) if shape in _ROUND else _TURNS
        for turn, dy, dx in product(turns, _OFFSETS, _OFFSETS):
            covers.append(_cover(shape, ACROSS[size] * scale, turn, dx, dy).ravel())
            kinds.append((shape_id, size_id))
    stack = np.stack(covers).astype(np.float32)
    shapes, sizes = np.array(kinds).T
    circles, rings = (np.flatnonzero(shapes == SHAPES.index(shape)) for shape in _ROUND)
    return _Templates(stack, (stack**2).sum(1), shapes, sizes, circles, rings)


def _cover(shape: str, across: float, turn: float, dx: float, dy: float) -> Floats:
    """How much of each pixel of a cell, (16, 16), a turned and moved shape covers when its outline is softened."""
    axis = np.arange(CELL + 2 * _RIM, dtype=np.float32) + 0.5 - CELL / 2 - _RIM
    x, y = np.meshgrid(axis - np.float32(dx), axis - np.float32(dy))
    u, v = np.cos(turn) * x - np.sin(turn) * y, np.sin(turn) * x + np.cos(turn) * y
    crisp = np.clip(0.5 - distance(shape, across, u, v), 0, 1)
    rows = sliding_window_view(crisp, len(_SOFT), 0) @ _SOFT
    cover: Floats = sliding_window_view(rows, len(_SOFT), 1) @ _SOFT
    return cover


def as_pixels(image: Image.Image | NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture as uint8 (48, 48, 3); other sizes are resized, other modes converted."""
    picture = image if isinstance(image, Image.Image) else Image.fromarray(np.asarray(image, dtype=np.uint8))
    picture = picture.convert("RGB")
    if picture.size != (FRAME, FRAME):
        picture = picture.resize((FRAME, FRAME), Image.Resampling.BOX)
    return np.asarray(picture)


def read(image: Image.Image | NDArray[np.uint8], limits: Limits = LIMITS) -> Reading:
    """Read a picture: what stands in each cell, on what ground, and whether it is well drawn."""
    pixels = as_pixels(image).astype(np.float32)
    ground, paint = _ground(pixels)
    fits = _fits(pixels, paint, limits)
    well = _roughness(pixels, paint, fits) < limits.rough
    hollow = limits.hollow if well else limits.hollow_rough
    return Reading(tuple(fit.thing if fit.filled is None else _round(fit, hollow) for fit in fits), ground, well)


_GROUND_NAMES = tuple(GROUNDS)
_COLOUR_NAMES = tuple(COLOURS)
_GROUND_PAINTS = np.array(list(GROUNDS.values()), np.float32)
_COLOUR_PAINTS = np.array(list(COLOURS.values()), np.float32)
_ALL_PAINTS = np.concatenate([_GROUND_PAINTS, _COLOUR_PAINTS])


def _ground(pixels: Floats) -> tuple[str, Floats]:
    """The ground's name, and its actual colour in this picture (a median: mud and soft edges shift it)."""
    flat = pixels.reshape(-1, 3)
    nearest = ((_ALL_PAINTS**2).sum(1) - 2 * flat @ _ALL_PAINTS.T).argmin(1)
    votes = np.bincount(nearest, minlength=len(_ALL_PAINTS))[: len(_GROUND_PAINTS)]
    winner = int(votes.argmax())
    return _GROUND_NAMES[winner], np.median(flat[nearest == winner], axis=0).astype(np.float32)


class _Fit(NamedTuple):
    """A cell's reading, and the cover (16, 16) of the best template (zeros where the cell is empty).

    filled: of a round thing that is not unclear, how much of its rim's colour its middle has.
    """

    thing: Thing | Unclear | None
    cover: Floats
    filled: float | None = None


def _round(fit: _Fit, hollow: float) -> Thing | Unclear | None:
    """A round thing, as a ring if its middle is hollow and as a circle if not."""
    if not isinstance(fit.thing, Thing) or fit.filled is None:
        return fit.thing
    return replace(fit.thing, shape="ring" if fit.filled < hollow else "circle")


def _window(cell: int) -> tuple[slice, slice]:
    row, column = divmod(cell, 3)
    return slice(row * CELL, (row + 1) * CELL), slice(column * CELL, (column + 1) * CELL)


def _fits(pixels: Floats, paint: Floats, limits: Limits) -> list[_Fit]:
    """The fit of every cell; the templates meet all cells in one matrix product."""
    templates = _templates()
    patches = np.stack([pixels[_window(cell)].reshape(-1, 3) for cell in range(9)])
    differences = patches - paint
    differences -= (1 - _GREY) * differences.mean(2, keepdims=True)
    products = templates.covers @ differences.transpose(1, 0, 2).reshape(CELL * CELL, -1)
    # The best colour for a cover is a projection; its squared length is what the template explains.
    along = (products.reshape(-1, 9, 3) ** 2).sum(2).T
    whole = (differences**2).sum((1, 2))
    return [_fit(cell, patches[cell], along[cell], float(whole[cell]), paint, limits) for cell in range(9)]


def _fit(cell: int, patch: Floats, along: Floats, whole: float, paint: Floats, limits: Limits) -> _Fit:
    templates = _templates()
    explained = along / (templates.energy * max(whole, 1e-6))
    best = int(explained.argmax())
    if np.sqrt(along[best]) / templates.energy[best] < limits.contrast:
        return _Fit(None, np.zeros((CELL, CELL), np.float32))
    shape = SHAPES[int(templates.shape[best])]
    alike = [SHAPES.index(name) for name in (_ROUND if shape in _ROUND else (shape,))]
    margin = explained[best] - explained[~np.isin(templates.shape, alike)].max()
    cover = templates.covers[best]
    colour = _colour(patch, cover, paint, limits)
    if explained[best] < limits.explained or margin < limits.margin or colour is None:
        return _Fit(UNCLEAR, cover.reshape(CELL, CELL))
    thing = Thing(shape, colour, SIZES[int(templates.size[best])], cell)
    filled = _filled(patch - paint, explained) if shape in _ROUND else None
    return _Fit(thing, cover.reshape(CELL, CELL), filled)


def _filled(difference: Floats, explained: Floats) -> float:
    """How much of its rim's colour the middle of a round thing has: rim and middle are fitted apart."""
    templates = _templates()
    at = int(np.maximum(explained[templates.circles], explained[templates.rings]).argmax())
    disc, rim = templates.covers[templates.circles[at]], templates.covers[templates.rings[at]]
    parts = np.stack([rim, np.clip(disc - rim, 0, None)], 1)
    outer, middle = np.linalg.lstsq(parts, difference, rcond=None)[0]
    return float(middle @ outer / max(float(outer @ outer), 1e-6))


def _colour(patch: Floats, cover: Floats, paint: Floats, limits: Limits) -> str | None:
    """The palette colour of a thing: the one from which its pixels differ least when the ground may show through."""
    inside = patch[cover >= min(0.98, float(np.quantile(cover, 0.97)))] - paint
    pure = _COLOUR_PAINTS - paint
    length = (pure**2).sum(1)
    share = np.clip(inside @ pure.T / length, _PALEST, 1.0)
    off = ((inside[:, None] - share[..., None] * pure) ** 2).sum(-1) + 0.1 * (1 - share) ** 2 * length
    apart = np.sqrt(off.mean(0))
    first, second = np.argsort(apart)[:2]
    return _COLOUR_NAMES[int(first)] if apart[first] <= limits.colour * apart[second] else None


def _roughness(pixels: Floats, paint: Floats, fits: Sequence[_Fit]) -> float:
    """Mean deviation of ground and fills from being flat, in grey levels; edges are left out."""
    cover = np.block([[fits[row * 3 + column].cover for column in range(3)] for row in range(3)])
    spread = [np.abs(pixels[_far(cover <= 0.0)] - paint)]
    for cell, fit in enumerate(fits):
        inside = pixels[_window(cell)][_far(fit.cover >= 0.98)]
        if len(inside):
            spread.append(np.abs(inside - np.median(inside, axis=0)))
    return float(np.concatenate(spread).mean())


def _far(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A mask without its rim of one pixel."""
    padded = np.pad(mask, 1, constant_values=True)
    return mask & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]


# -- verdicts --------------------------------------------------------------------------------------------------------


def verdict(reading: Reading, constraint: Constraint) -> bool | None:
    """Whether a constraint holds in what was read; None where an unclear part could decide it."""
    if constraint.kind == "ground":
        return None if reading.ground is None else reading.ground == constraint.ground
    if constraint.kind == "quality":
        return reading.well
    if constraint.kind == "count":
        return _count_verdict(reading, constraint)
    if holds(Scene(reading.things, reading.ground or ""), constraint):
        return True
    hidden = reading.cells[constraint.cell] is UNCLEAR if constraint.cell is not None else not reading.clear
    return None if hidden else False


def _count_verdict(reading: Reading, constraint: Constraint) -> bool | None:
    if constraint.noun is None or constraint.count is None:
        raise ValueError(f"a constraint of kind 'count' needs a noun and a count; got {constraint!r}")
    seen = sum(matches(thing, constraint.noun) for thing in reading.things)
    most = seen + reading.cells.count(UNCLEAR)
    if seen <= constraint.count <= most:
        return True if seen == most else None
    return False


def judge(image: Image.Image | NDArray[np.uint8], case: Case) -> Judgement:
    """Judge a picture against a case; an unclear verdict counts as not correct."""
    reading = read(image)
    verdicts = tuple(verdict(reading, constraint) for constraint in case.constraints)
    return Judgement(all(v is True for v in verdicts), reading.well is True, verdicts)
