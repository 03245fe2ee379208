"""Which scenes belong to which split, and scenes drawn at random from one.

A scene's content is the multiset of its things' shapes and colours. A hash of the content decides the split, so
the four splits are disjoint by construction, whatever sizes, places and grounds are asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal

import numpy as np

from limner.microworld.law import COLOURS, GROUNDS, SHAPES, SIZES, Scene, Thing

Split = Literal["train", "search", "validation", "held_out"]
SPLITS: tuple[Split, ...] = ("train", "search", "validation", "held_out")
_TRAIN = 64
"""Percent of contents in the training split; a second draw divides the rest."""
_REST: dict[Split, int] = {"search": 40, "validation": 60, "held_out": 100}
_SALTS = ("limner-microworld-1", "limner-microworld-rest-51")
"""Chosen so that each split has some single things."""
Content = tuple[tuple[str, str], ...]
"""Sorted (shape, colour) pairs; the colour "any" where a request names none."""


def content(things: Sequence[Thing]) -> Content:
    """What stands in a scene, whatever its place and size."""
    return tuple(sorted((thing.shape, thing.colour) for thing in things))


def split_of(stuff: Content) -> Split:
    """The split that a content belongs to."""
    text = ",".join(f"{colour} {shape}" for shape, colour in stuff)
    if _percentile(_SALTS[0], text) < _TRAIN:
        return "train"
    return next(split for split, limit in _REST.items() if _percentile(_SALTS[1], text) < limit)


def _percentile(salt: str, text: str) -> int:
    return int.from_bytes(hashlib.blake2b(f"{salt}|{text}".encode(), digest_size=8).digest()) % 100


def some_scene(
    rng: np.random.Generator,
    split: Split,
    *,
    objects: Sequence[float] = (0.3, 0.3, 0.18, 0.12, 0.1),
    well: bool | None = None,
) -> Scene:
    """A random scene whose content belongs to a split; `objects` are the chances of one, two ... five things."""
    if split not in SPLITS:
        raise ValueError(f"there is no split {split!r}: choose one of {', '.join(SPLITS)}")
    count = int(rng.choice(len(objects), p=objects)) + 1
    things = _things(rng, count)
    while split_of(content(things)) != split:
        things = _things(rng, count)
    ground = str(rng.choice(list(GROUNDS)))
    return Scene(things, ground, bool(rng.random() < 0.5) if well is None else well)


def _things(rng: np.random.Generator, count: int) -> tuple[Thing, ...]:
    cells = np.sort(rng.choice(9, count, replace=False))
    kinds = [(str(rng.choice(SHAPES)), str(rng.choice(list(COLOURS)))) for _ in range(count)]
    if count > 1 and rng.random() < 0.35:
        # Requests that count ("three red rings") need repeated things, which independent draws seldom give.
        for index in range(1, int(rng.integers(2, count + 1))):
            kinds[index] = kinds[0]
        kinds = [kinds[i] for i in rng.permutation(count)]
    sizes = rng.choice(SIZES, count)
    return tuple(
        Thing(shape, colour, str(size), int(cell))
        for (shape, colour), size, cell in zip(kinds, sizes, cells, strict=True)
    )
