"""Contact sheets: pictures by the shipped painter over their prompts, asked completely and loosely."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from limner.microworld import language as say
from limner.microworld.captions import structured
from limner.microworld.figures import some_scenes
from limner.microworld.grammar import request
from limner.microworld.law import FRAME
from limner.microworld.train.measure import paint

COLUMNS, ROWS, SCALE = 8, 8, 3
_MARGIN, _TEXT, _WRAP = 8, 62, 30


def write(pipeline: Any, folder: Path, seed: int = 0) -> None:
    """Draw one- and two-object scenes of held-out contents, half of each, then the same as people ask for them."""
    half = COLUMNS * ROWS // 2
    rng = np.random.default_rng([seed, 64])
    scenes = some_scenes(half, 1, seed + 1) + some_scenes(half, 2, seed + 1)
    complete = [structured(scene, rng, say.some(rng, say.QUALITY, 2), complete=True) for scene in scenes]
    loose = [request(scene, rng).text for scene in scenes]
    for name, prompts in (("painter-sheet.png", complete), ("painter-sheet-loose.png", loose)):
        laid_out(paint(pipeline, prompts, seed=seed), prompts).save(folder / name, optimize=True)


def laid_out(pictures: list[Image.Image], prompts: list[str]) -> Image.Image:
    """Pictures in a grid, three times enlarged, each over its prompt."""
    width, height = FRAME * SCALE + _MARGIN * 4, FRAME * SCALE + _TEXT + _MARGIN
    sheet = Image.new("RGB", (COLUMNS * width, ROWS * height), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(9)
    for index, (picture, prompt) in enumerate(zip(pictures, prompts, strict=True)):
        x, y = index % COLUMNS * width + _MARGIN, index // COLUMNS * height + _MARGIN
        side = FRAME * SCALE
        pen.rectangle((x - 1, y - 1, x + side, y + side), outline=(190, 190, 190))
        sheet.paste(picture.resize((side, side), Image.Resampling.NEAREST), (x, y))
        words = "\n".join(textwrap.wrap(prompt.replace("\n", " / "), _WRAP)[:5])
        pen.multiline_text((x, y + side + 3), words, fill=(40, 40, 40), font=font, spacing=1)
    return sheet
