"""Pictures by the shipped painter for training scenes, each scene asked in six wordings, read by the oracle.

Plain requests give pictures in which much went wrong, complete prompts those in which little did. Painting takes
minutes, so the pixels are kept in a file.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from limner.microworld import language as say
from limner.microworld.captions import loose, structured
from limner.microworld.grammar import request
from limner.microworld.law import Scene
from limner.microworld.oracle import Reading, read
from limner.microworld.splits import some_scene
from limner.microworld.train import beside, painter
from limner.microworld.train.album import Album

SCENES = 280
_SEED = 40_000_000
"""From here the pictures' own seeds begin: far from those of every measure."""


class Answered(NamedTuple):
    """A scene that was asked for, and the pictures that came of it in which everything is clear."""

    wanted: Scene
    album: Album


def album(file: Path, seed: int, scenes: int = SCENES) -> Album:
    """The pictures in which everything is clear, from a file or painted now and kept there."""
    found = [answered.album for answered in by_scene(file, seed, scenes)]
    return Album(tuple(s for some in found for s in some.scenes), np.concatenate([some.pixels for some in found]))


def by_scene(file: Path, seed: int, scenes: int = SCENES) -> list[Answered]:
    """The same pictures, by the scene that was asked for."""
    rng = np.random.default_rng([seed, 80])
    wanted = [some_scene(rng, "train", well=True) for _ in range(scenes)]
    pixels = beside.array(file, lambda: _paint([prompt for scene in wanted for prompt in wordings(scene, rng)]))
    return [
        Answered(scene, _clear_ones(some)) for scene, some in zip(wanted, np.split(pixels, len(wanted)), strict=True)
    ]


def _clear_ones(pixels: NDArray[np.uint8]) -> Album:
    readings = [read(picture) for picture in pixels]
    clear = [number for number, reading in enumerate(readings) if _clear(reading)]
    return Album(tuple(_scene(readings[number]) for number in clear), pixels[clear])


def wordings(scene: Scene, rng: np.random.Generator) -> list[str]:
    """A scene asked plainly, plainly with praise, tersely, and described with and without words of quality."""
    plain, praise = request(scene, rng).text, say.some(rng, say.QUALITY, 2)
    return [
        plain,
        f"{request(scene, rng).text}, {praise[0]}",
        loose(scene, rng, "terse", []),
        structured(scene, rng, []),
        structured(scene, rng, [], complete=True),
        structured(scene, rng, praise, complete=True),
    ]


def _paint(prompts: list[str]) -> NDArray[np.uint8]:
    from limner.microworld.train.measure import paint

    return np.stack([np.asarray(picture) for picture in paint(painter.load(), prompts, seed=_SEED)])


def _clear(reading: Reading) -> bool:
    return reading.clear and reading.ground is not None and reading.well is not None and bool(reading.things)


def _scene(reading: Reading) -> Scene:
    return Scene(reading.things, str(reading.ground), reading.well is True)
