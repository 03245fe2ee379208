"""Painter pictures labelled by looking at them: what stands in each cell, on what ground, whether it is well drawn.

The labels test the oracle, so whoever labels sees neither prompts nor the oracle's answers:
`python -m limner.microworld.labels draw OUT --count 200 --seed N` paints pictures and enlarged numbered sheets of
them, and `... check OUT/FIRST.txt OUT/SECOND.txt` validates what each labeller wrote down, blind to the other, and
packs it. OUT/pictures.png (one lossless mosaic) and OUT/labels.json then stand in data/labelled. The label of a picture
is what all labellers say of it; where they differ it is open. One line says one picture, cells in reading order (0 top
left, 8 bottom right):

    017 ground=grey well=no 0:small red cross 4:? 8:large blue ring

How to label:

- `?` is an honest answer and better than a guess: in a cell where something stands and its shape, colour or size
  cannot be told with confidence (a blend of two colours or of two shapes, a blob, a thing cut by the frame), in both
  cells where a thing stands astride their border, and for a ground or a quality that cannot be told. A cell that is
  not named is empty.
- Shape: that of the outline as it stands, whatever was probably meant. A ring shows the ground through its middle; a
  cross has four notches; a disc with four dents is `?`.
- Colour: the nearest of the eight, if plainly nearer than the next. Size: a large thing comes within a pixel or two of
  its cell's grid lines (14 of 16 pixels), a small one keeps three pixels away from them (10); half-way is `?`.
- A speck or stain without the body of a thing is part of a badly drawn ground, not a thing.
- Well drawn (`yes`): flat ground, flat fills and plain outlines, save for soft edges and a tint too weak to notice.
  Badly drawn (`no`): a mottled ground, patchy fills, crooked outlines. A flat picture of a wrong thing is well drawn.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from limner.microworld import language as say
from limner.microworld.captions import structured
from limner.microworld.grammar import request
from limner.microworld.law import CELL, COLOURS, FRAME, GROUNDS, SHAPES, SIZES, Thing
from limner.microworld.oracle import UNCLEAR, Reading, Unclear
from limner.microworld.splits import some_scene

FOLDER = Path(__file__).parent / "data" / "labelled"
"""Where the shipped pictures and labels stand."""
PICTURES, LABELS, PROMPTS = "pictures.png", "labels.json", "prompts.json"
THINGS = (1, 2, 3, 4, 5)
MANNERS = {"quality": say.QUALITY, "rough": say.ROUGH, "none": ()}
"""Words beside the scene. Every count of things, asked completely and loosely, in every manner, comes equally often."""
COLUMNS = 20
"""Pictures in a row of the mosaic."""
_ACROSS, _DOWN, _SCALE, _GAP, _TITLE = 4, 3, 6, 16, 18
_WELL: dict[str, bool | None] = {"yes": True, "no": False, "?": None}


@dataclass(frozen=True, slots=True)
class Labelled:
    """A painter picture (48 x 48), what each labeller saw in it (unclear or None where unsure), and what was asked."""

    picture: Image.Image
    seen: tuple[Reading, ...]
    prompt: str

    @property
    def reading(self) -> Reading:
        """What all labellers saw: unclear or None where they differ."""
        first, *others = self.seen
        cells = (
            cell if all(one.cells[at] == cell for one in others) else UNCLEAR for at, cell in enumerate(first.cells)
        )
        ground = first.ground if all(one.ground == first.ground for one in others) else None
        return Reading(tuple(cells), ground, first.well if all(one.well is first.well for one in others) else None)


def labelled(folder: Path = FOLDER) -> list[Labelled]:
    """The labelled pictures of a folder, in order."""
    rows = json.loads((folder / LABELS).read_text(encoding="utf-8"))
    pictures = _cut(folder / PICTURES, len(rows))
    return [Labelled(p, tuple(map(parse, row["labels"])), row["prompt"]) for p, row in zip(pictures, rows, strict=True)]


# -- a label in words ------------------------------------------------------------------------------------------------


def parse(label: str) -> Reading:
    """What a label such as `ground=grey well=no 0:small red cross 4:?` says.

    Raises:
        ValueError: naming the part that is not understood.
    """
    head, *parts = [part.strip() for part in _parts(label)]
    facts = dict(fact.split("=", 1) for fact in head.split() if "=" in fact)
    if list(facts) != ["ground", "well"] or len(head.split()) != 2:
        raise ValueError(f"a label begins with `ground=... well=...`; got {head!r}")
    ground = _one_of(facts["ground"], (*GROUNDS, "?"), "ground")
    well = _WELL[_one_of(facts["well"], tuple(_WELL), "well")]
    cells: dict[int, Thing | Unclear] = {}
    for part in parts:
        number, said = int(part[0]), part[2:].strip()
        if number == 9 or number in cells:
            raise ValueError(f"cells are 0 to 8 and named once; got {part!r}")
        cells[number] = UNCLEAR if said == "?" else _thing(said, number)
    return Reading(tuple(cells.get(cell) for cell in range(9)), None if ground == "?" else ground, well)


def _parts(label: str) -> list[str]:
    """The head, and one part from each `N:` to the next."""
    parts = [""]
    for word in label.split():
        if len(word) > 1 and word[0].isdecimal() and word[1] == ":":
            parts.append("")
        parts[-1] += word + " "
    return parts


def _thing(said: str, cell: int) -> Thing:
    words = said.split()
    if len(words) != 3:
        raise ValueError(f"a thing is `size colour shape` or `?`; got {said!r} in cell {cell}")
    size, colour, shape = words
    return Thing(
        _one_of(shape, SHAPES, "shape"), _one_of(colour, tuple(COLOURS), "colour"), _one_of(size, SIZES, "size"), cell
    )


def _one_of(word: str, known: Sequence[str], what: str) -> str:
    if word not in known:
        raise ValueError(f"{what} is one of {', '.join(known)}; got {word!r}")
    return word


def check(*files: Path) -> Path:
    """Validate each labeller's labels and pack them beside their files.

    Raises:
        ValueError: naming the line that is not understood, or the pictures that have no label.
    """
    folder = files[0].parent
    prompts = json.loads((folder / PROMPTS).read_text(encoding="utf-8"))
    by_labeller = [_written(file, len(prompts)) for file in files]
    rows = [{"labels": said, "prompt": prompt} for prompt, *said in zip(prompts, *by_labeller, strict=True)]
    packed = folder / LABELS
    packed.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n", encoding="utf-8")
    return packed


def _written(file: Path, count: int) -> list[str]:
    """The labels of a file in the pictures' order: `NNN label` a line, every picture once; `#` begins a remark."""
    labels: dict[int, str] = {}
    for at, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        number, _, label = line.partition("#")[0].strip().partition(" ")
        if not number:
            continue
        try:
            parse(label)
            if not 0 <= int(number) < count or int(number) in labels:
                raise ValueError(f"pictures are 0 to {count - 1} and labelled once; got {number}")
        except ValueError as error:
            raise ValueError(f"{file}, line {at}: {error}") from error
        labels[int(number)] = " ".join(label.split())
    missing = [index for index in range(count) if index not in labels]
    if missing:
        raise ValueError(f"{file}: no label for the pictures {', '.join(map(str, missing))}")
    return [labels[index] for index in range(count)]


# -- pictures to label -----------------------------------------------------------------------------------------------


def prompts(count: int, seed: int) -> list[str]:
    """Prompts for scenes of held-out contents over the whole mix, in an order that tells nothing."""
    rng = np.random.default_rng([seed, 101])
    mix = list(product(THINGS, (True, False), MANNERS))
    asked = [_prompt(rng, *mix[index % len(mix)]) for index in range(count)]
    return [asked[int(i)] for i in rng.permutation(count)]


def _prompt(rng: np.random.Generator, things: int, complete: bool, manner: str) -> str:
    scene = some_scene(rng, "held_out", objects=[float(n == things) for n in THINGS], well=True)
    words = say.some(rng, MANNERS[manner], 2) if MANNERS[manner] else []
    if complete:
        return structured(scene, rng, words, complete=True)
    return ", ".join([request(scene, rng).text, *words])


def draw(pipeline: Any, out: Path, count: int, seed: int) -> None:
    """Paint pictures into a folder: the mosaic, its prompts, and sheets that show neither prompt nor answer."""
    from limner.microworld.train.measure import paint

    out.mkdir(parents=True, exist_ok=True)
    asked = prompts(count, seed)
    pictures = paint(pipeline, asked, seed=seed)
    mosaic(pictures).save(out / PICTURES, optimize=True)
    (out / PROMPTS).write_text(json.dumps(asked, indent=0) + "\n", encoding="utf-8")
    for first in range(0, count, _ACROSS * _DOWN):
        sheet(pictures[first : first + _ACROSS * _DOWN], first).save(out / f"sheet-{first:03}.png")


def mosaic(pictures: Sequence[Image.Image]) -> Image.Image:
    """Pictures side by side, twenty in a row, without any gap."""
    whole = Image.new("RGB", (COLUMNS * FRAME, -(-len(pictures) // COLUMNS) * FRAME))
    for index, picture in enumerate(pictures):
        whole.paste(picture, _corner(index))
    return whole


def _cut(path: Path, count: int) -> list[Image.Image]:
    with Image.open(path) as whole:
        whole.load()
    corners = [_corner(index) for index in range(count)]
    return [whole.crop((x, y, x + FRAME, y + FRAME)) for x, y in corners]


def _corner(index: int) -> tuple[int, int]:
    return index % COLUMNS * FRAME, index // COLUMNS * FRAME


def sheet(pictures: Sequence[Image.Image], first: int) -> Image.Image:
    """Pictures enlarged six times under their numbers, with the borders of their cells drawn lightly."""
    side = FRAME * _SCALE
    whole = Image.new("RGB", (_GAP + _ACROSS * (side + _GAP), _DOWN * (side + _TITLE + _GAP)), (200, 200, 200))
    pen, font = ImageDraw.Draw(whole, "RGBA"), ImageFont.load_default(14)
    for index, picture in enumerate(pictures):
        x, y = _GAP + index % _ACROSS * (side + _GAP), _TITLE + index // _ACROSS * (side + _TITLE + _GAP)
        pen.text((x, y - _TITLE), f"{first + index:03}", fill=(0, 0, 0), font=font)
        whole.paste(picture.resize((side, side), Image.Resampling.NEAREST), (x, y))
        for at in range(CELL * _SCALE, side, CELL * _SCALE):
            for line in ((x + at, y, x + at, y + side - 1), (x, y + at, x + side - 1, y + at)):
                pen.line(line, fill=(128, 128, 128, 110))
    return whole


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the arguments and draw or check."""
    parser = argparse.ArgumentParser(
        prog="python -m limner.microworld.labels", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    drawing = commands.add_parser("draw", help="paint pictures and sheets to label")
    drawing.add_argument("out", type=Path)
    drawing.add_argument("--count", type=int, default=200)
    drawing.add_argument("--seed", type=int, required=True)
    checking = commands.add_parser("check", help="validate labels and pack them")
    checking.add_argument("files", type=Path, nargs="+", help="one from each labeller")
    given = parser.parse_args(arguments)
    if given.command == "draw":
        from limner.microworld.train.painter import load

        draw(load(), given.out, given.count, given.seed)
    else:
        print(check(*given.files))


if __name__ == "__main__":
    main()
