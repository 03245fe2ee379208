"""How often inpainting does to a picture of the embedded world what was asked, and nothing else.

One cell of a well-drawn picture is painted anew by the `microworld` editor - the stock inpainting pipeline of diffusers
on the painter's folder - asked by a complete prompt of the scene that shall come out. The oracle says whether the cell
holds what it should and whether the rest is as it was. Training shows neither scene.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from limner import types
from limner.errors import GenerationError
from limner.generation.editors import editor
from limner.microworld import language as say
from limner.microworld.captions import structured
from limner.microworld.law import CELL, COLOURS, SHAPES, SIZES, Scene, Thing
from limner.microworld.oracle import UNCLEAR, read
from limner.microworld.render import render
from limner.microworld.splits import SPLITS, Split, content, some_scene, split_of
from limner.pictures import UNKNOWN, encode
from limner.statistics import mean_interval

if TYPE_CHECKING:
    from PIL.Image import Image

KINDS = ("colour", "shape", "both", "add", "remove")
"""What an edit does: gives a cell a thing of another colour, shape or both, adds a thing, or removes one."""
REPLACING = KINDS[:3]
"""The kinds that count for the headline."""
BATCH = 16
_OBJECTS = (1 / 3, 1 / 3, 1 / 3)


@dataclass(frozen=True, slots=True)
class Edit:
    """What is to happen in one cell: the scenes before and after differ there alone."""

    kind: str
    cell: int
    before: Scene
    after: Scene


@dataclass(frozen=True, slots=True)
class Manner:
    """How a cell is painted anew."""

    steps: int = 16
    guidance: float = 1.75
    strength: float = 1.0

    def recipe(self, prompt: str, seed: int) -> types.Recipe:
        """For the editor."""
        return types.Recipe(types.Prompt(prompt), seed, steps=self.steps, guidance=self.guidance)


class Outcome(NamedTuple):
    """What came of an edit: whether the cell holds what it should (None: cannot be told), and the rest what it did."""

    kind: str
    cell: bool | None
    rest: bool


def edit_success(count: int, seed: int, *, split: Split = "held_out", manner: Manner | None = None) -> dict[str, Any]:
    """Shares of `count` edits that succeed, on drawings of a split's contents, with their 95 % intervals.

    `success` is that of the `replacing` edits, which give a cell another thing, `by_kind` that of every kind. `cell`
    and `rest` are the shares of all edits whose cell, and whose remainder, came out right; `unclear` of those whose
    cell the oracle cannot tell.
    """
    rng = np.random.default_rng([seed, SPLITS.index(split), 4])
    edits = [some_edit(rng, split, KINDS[number % len(KINDS)]) for number in range(count)]
    pictures = [_drawing(edit.before, rng) for edit in edits]
    prompts = [structured(edit.after, rng, say.some(rng, say.QUALITY, 2), complete=True) for edit in edits]
    edited = inpaint(pictures, [edit.cell for edit in edits], prompts, seed, manner or Manner())
    outcomes = [judge(edit, picture) for edit, picture in zip(edits, edited, strict=True)]

    def share(of: Callable[[Outcome], bool], kinds: Sequence[str] = KINDS) -> dict[str, float | None] | None:
        interval = mean_interval(float(of(one)) for one in outcomes if one.kind in kinds)
        return interval and interval._asdict()

    return {
        "success": share(_succeeded, REPLACING),
        "by_kind": {kind: share(_succeeded, [kind]) for kind in KINDS},
        "cell": share(lambda one: one.cell is True),
        "rest": share(lambda one: one.rest),
        "unclear": share(lambda one: one.cell is None),
        "edits": count,
        "replacing": sum(edit.kind in REPLACING for edit in edits),
    }


def some_edit(rng: np.random.Generator, split: Split, kind: str) -> Edit:
    """A random edit of a well-drawn scene of one to three things; both contents belong to the split."""
    while True:
        before = some_scene(rng, split, objects=_OBJECTS, well=True)
        cell, thing = _change(before, kind, rng)
        others = [other for other in before.things if other.cell != cell]
        things = tuple(sorted([*others, *([thing] if thing else [])], key=lambda one: one.cell))
        if things and split_of(content(things)) == split:
            return Edit(kind, cell, before, replace(before, things=things))


def _change(scene: Scene, kind: str, rng: np.random.Generator) -> tuple[int, Thing | None]:
    """A cell, and what it shall hold."""
    if kind == "add":
        taken = {thing.cell for thing in scene.things}
        cell = int(rng.choice([cell for cell in range(9) if cell not in taken]))
        return cell, Thing(say.pick(rng, SHAPES), say.pick(rng, list(COLOURS)), say.pick(rng, SIZES), cell)
    thing = scene.things[int(rng.integers(len(scene.things)))]
    if kind == "remove":
        return thing.cell, None
    shapes = [shape for shape in SHAPES if shape != thing.shape] if kind != "colour" else [thing.shape]
    colours = [colour for colour in COLOURS if colour != thing.colour] if kind != "shape" else [thing.colour]
    return thing.cell, replace(thing, shape=say.pick(rng, shapes), colour=say.pick(rng, colours))


def inpaint(
    pictures: Sequence[Image], cells: Sequence[int], prompts: Sequence[str], seed: int, manner: Manner
) -> list[Image]:
    """Paint a cell of each picture anew as its prompt says; beyond the cell's soft rim no pixel changes."""
    edits = [
        types.Edit(_original(picture), prompt, manner.recipe(prompt, seed + number), cell_region(cell), manner.strength)
        for number, (picture, cell, prompt) in enumerate(zip(pictures, cells, prompts, strict=True))
    ]
    return [_image(edited) for edited in editor("microworld", batch=BATCH).edit(edits)]


def cell_region(cell: int) -> types.Region:
    """Where a cell is."""
    row, column = divmod(cell, 3)
    return types.Region(column * CELL, row * CELL, CELL, CELL)


def _original(image: Image) -> types.Picture:
    """A drawing as a picture that an editor takes."""
    unknown = types.Recipe(types.Prompt(""), 0)
    return types.Picture(encode(image, unknown, UNKNOWN), unknown, UNKNOWN)


def _image(edited: types.Picture | types.Failure) -> Image:
    if isinstance(edited, types.Failure):
        raise GenerationError(f"An edit failed: {edited.reason}")
    return edited.image()


def judge(edit: Edit, picture: Image) -> Outcome:
    """What the oracle says of an edited picture."""
    reading = read(picture)
    before, after = ({thing.cell: thing for thing in scene.things} for scene in (edit.before, edit.after))
    seen = reading.cells[edit.cell]
    cells = all(reading.cells[cell] == before.get(cell) for cell in range(9) if cell != edit.cell)
    rest = cells and reading.ground == edit.before.ground and reading.well is edit.before.well
    return Outcome(edit.kind, None if seen is UNCLEAR else seen == after.get(edit.cell), rest)


def _succeeded(outcome: Outcome) -> bool:
    return outcome.cell is True and outcome.rest


def _drawing(scene: Scene, rng: np.random.Generator) -> Image:
    from PIL import Image

    return Image.fromarray(render(scene, rng))
