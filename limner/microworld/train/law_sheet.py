"""The law in pictures: every shape, size, colour, ground, place and manner of drawing, rendered and named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from limner.microworld.law import COLOURS, FRAME, GROUNDS, PLACES, SHAPES, SIZES, Scene, Thing
from limner.microworld.render import render

SCALE = 2
_SIDE, _GAP, _LABEL, _TITLE = FRAME * SCALE, 14, 18, 30
_COLUMNS = 9


class Row(NamedTuple):
    """A titled row of named scenes."""

    title: str
    scenes: Sequence[tuple[str, Scene]]


def rows() -> list[Row]:
    """What the sheet shows, from top to bottom."""

    def one(shape: str = "square", colour: str = "blue", size: str = "large", cell: int = 4) -> Thing:
        return Thing(shape, colour, size, cell)

    crowd = (one("ring", "red", "large", 0), one("cross", "green", "small", 4), one("triangle", "purple", "large", 8))
    return [
        Row("Shapes, large and small", [
            *((shape, Scene((one(shape, cell=3), one(shape, size="small", cell=5)), "white")) for shape in SHAPES),
            *((size, Scene(tuple(one("circle", "red", size, cell) for cell in (0, 4, 8)), "white")) for size in SIZES),
        ]),
        Row("Colours", [(colour, Scene((one("circle", colour),), "white")) for colour in COLOURS]),
        Row("Grounds", [(ground, Scene((one("circle", "yellow"),), ground)) for ground in GROUNDS]),
        Row("Places", [(place, Scene((one("square", "red", "large", cell),), "grey"))
                       for cell, place in enumerate(PLACES)]),
        Row("Drawn well, and drawn badly", [
            (name, Scene(crowd, ground, name == "well")) for ground in GROUNDS for name in ("well", "badly")
        ]),
        Row("Relations look at columns and rows alone", [
            ("left of", Scene((one("ring", "red", cell=0), one("cross", "blue", cell=5)), "white")),
            ("right of", Scene((one("ring", "red", cell=5), one("cross", "blue", cell=6)), "white")),
            ("above", Scene((one("ring", "red", cell=1), one("cross", "blue", cell=6)), "white")),
            ("below", Scene((one("ring", "red", cell=8), one("cross", "blue", cell=3)), "white")),
        ]),
        Row("One to five things", [(str(n), Scene(_crowd(n), "brown")) for n in range(1, 6)]),
    ]  # fmt: skip


def _crowd(count: int) -> tuple[Thing, ...]:
    cells = (4, 0, 8, 2, 6)
    things = [Thing(SHAPES[i], list(COLOURS)[i + 1], SIZES[i % 2], cells[i]) for i in range(count)]
    return tuple(sorted(things, key=lambda thing: thing.cell))


def write(path: Path, seed: int = 0) -> None:
    """Render the sheet into a PNG file."""
    rng = np.random.default_rng(seed)
    some = rows()
    height = _TITLE + _SIDE + _LABEL + _GAP
    sheet = Image.new("RGB", (_GAP + _COLUMNS * (_SIDE + _GAP), _GAP + len(some) * height), "white")
    pen, small, large = ImageDraw.Draw(sheet), ImageFont.load_default(12), ImageFont.load_default(16)
    for index, row in enumerate(some):
        top = _GAP + index * height
        pen.text((_GAP, top), row.title, fill=(20, 20, 20), font=large)
        for column, (name, scene) in enumerate(row.scenes):
            x, y = _GAP + column * (_SIDE + _GAP), top + _TITLE
            picture = Image.fromarray(render(scene, rng)).resize((_SIDE, _SIDE), Image.Resampling.NEAREST)
            pen.rectangle((x - 1, y - 1, x + _SIDE, y + _SIDE), outline=(190, 190, 190))
            sheet.paste(picture, (x, y))
            pen.text((x, y + _SIDE + 3), name, fill=(90, 90, 90), font=small)
    sheet.save(path, optimize=True)
