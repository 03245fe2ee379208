"""The contact sheet: the same scenes by the shipped painter, asked completely and as people ask, right or wrong."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from limner.microworld import language as say
from limner.microworld.captions import structured
from limner.microworld.figures import all_hold, some_scenes
from limner.microworld.grammar import Request, request
from limner.microworld.law import FRAME
from limner.microworld.oracle import Reading, read
from limner.microworld.train.measure import paint

FILE = "painter-sheet.png"
SCENES = {1: 6, 2: 12, 3: 6}
"""How many scenes of each number of things are shown."""
PAIRS, SCALE = 3, 4
"""Pairs in a row, and how far pictures are enlarged."""
_SIDE, _GAP, _BETWEEN, _FRAME = FRAME * SCALE, 14, 34, 4
_FONT, _WRAP, _LINES, _LINE = 13, 31, 6, 16
_RIGHT, _WRONG, _INK = (40, 150, 70), (205, 60, 50), (40, 40, 40)


class Shown(NamedTuple):
    """A picture, its prompt, and whether it shows everything that the plain request asks and is well drawn."""

    picture: Image.Image
    prompt: str
    good: bool


def write(pipeline: Any, folder: Path, seed: int = 0) -> None:
    """Draw scenes of held-out contents, each asked completely with two words of quality, and as people ask."""
    rng = np.random.default_rng([seed, 64])
    scenes = [scene for things, count in SCENES.items() for scene in some_scenes(count, things, seed + 1)]
    complete = [structured(scene, rng, say.some(rng, say.QUALITY, 2), complete=True) for scene in scenes]
    loose = [request(scene, rng) for scene in scenes]
    columns = []
    for prompts in (complete, [case.text for case in loose]):
        pictures = paint(pipeline, prompts, seed=seed)
        good = [_is_good(read(picture), case) for picture, case in zip(pictures, loose, strict=True)]
        columns.append([Shown(*one) for one in zip(pictures, prompts, good, strict=True)])
    laid_out(list(zip(*columns, strict=True))).save(folder / FILE, optimize=True)


def _is_good(reading: Reading, asked: Request) -> bool:
    return bool(all_hold(reading, asked.constraints)) and reading.well is True


def laid_out(pairs: list[tuple[Shown, ...]]) -> Image.Image:
    """Pairs in a grid, framed in green where they are good and in red where not, each picture over its prompt."""
    width, height = 2 * _SIDE + _GAP + _BETWEEN, _SIDE + _LINES * _LINE + _GAP
    rows = -(-len(pairs) // PAIRS)
    sheet = Image.new("RGB", (PAIRS * width - _BETWEEN + 2 * _GAP, rows * height + _GAP), "white")
    for number, pair in enumerate(pairs):
        left, top = number % PAIRS * width + _GAP, number // PAIRS * height + _GAP
        for place, shown in enumerate(pair):
            _put(sheet, shown, left + place * (_SIDE + _GAP), top)
    return sheet


def _put(sheet: Image.Image, shown: Shown, x: int, y: int) -> None:
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(_FONT)
    frame = (x - _FRAME, y - _FRAME, x + _SIDE + _FRAME - 1, y + _SIDE + _FRAME - 1)
    pen.rectangle(frame, fill=_RIGHT if shown.good else _WRONG)
    sheet.paste(shown.picture.resize((_SIDE, _SIDE), Image.Resampling.NEAREST), (x, y))
    words = "\n".join(textwrap.wrap(shown.prompt.replace("\n", " / "), _WRAP)[:_LINES])
    pen.multiline_text((x, y + _SIDE + _FRAME + 3), words, fill=_INK, font=font, spacing=1)
