"""The law of the embedded world: what a scene is.

Coloured shapes of two sizes stand in the nine places of a square frame on a coloured ground, drawn well or
badly. Everything else (drawing, grammar, oracle, training) is derived from the constants and classes here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

FRAME = 48
"""Side of the frame in pixels."""
CELL = 16
"""Side of one of the nine cells in pixels."""

SHAPES = ("circle", "square", "triangle", "cross", "ring")
COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (214, 40, 40),
    "orange": (245, 130, 20),
    "yellow": (250, 215, 40),
    "green": (40, 160, 70),
    "cyan": (50, 200, 215),
    "blue": (40, 80, 200),
    "purple": (130, 50, 170),
    "pink": (245, 130, 180),
}
SIZES = ("small", "large")
GROUNDS: dict[str, tuple[int, int, int]] = {
    "white": (250, 250, 248),
    "black": (22, 22, 26),
    "grey": (140, 140, 144),
    "brown": (120, 82, 52),
}
PLACES = (
    "top left", "top", "top right",
    "left", "center", "right",
    "bottom left", "bottom", "bottom right",
)  # fmt: skip
"""Names of the cells in reading order; the index is the cell number (row * 3 + column)."""

Kind = Literal["exists", "attribute", "count", "size", "relation", "ground", "place", "quality"]
RELATIONS = ("left of", "right of", "above", "below")


@dataclass(frozen=True, slots=True)
class Thing:
    """One object: shape, colour, size and the cell (0..8) in which it stands."""

    shape: str
    colour: str
    size: str
    cell: int


@dataclass(frozen=True, slots=True)
class Scene:
    """What a picture shows: one to five things in distinct cells (sorted by cell), the ground, and how it is drawn."""

    things: tuple[Thing, ...]
    ground: str
    well: bool = True


@dataclass(frozen=True, slots=True)
class Noun:
    """A thing as somebody speaks of it; None where nothing was said."""

    shape: str
    colour: str | None = None
    size: str | None = None


@dataclass(frozen=True, slots=True)
class Constraint:
    """One thing that a request asks of a picture, in machine-readable form.

    exists: a thing matching `noun`. attribute: a `noun.shape` that has `noun.colour`. size: a thing matching `noun`,
    which carries a size. count: exactly `count` things matching `noun`. relation: some thing matching `noun` stands
    `relation` some other thing matching `other` (by cell column for left/right, by row for above/below). place: a
    thing matching `noun` in `cell`. ground: the ground is `ground`. quality: the picture is drawn well.
    """

    kind: Kind
    noun: Noun | None = None
    other: Noun | None = None
    relation: str | None = None
    count: int | None = None
    cell: int | None = None
    ground: str | None = None


def matches(thing: Thing, noun: Noun) -> bool:
    """Whether a thing is what a noun speaks of."""
    return thing.shape == noun.shape and noun.colour in (None, thing.colour) and noun.size in (None, thing.size)


_STANDS: dict[str, Callable[[Thing, Thing], bool]] = {
    "left of": lambda a, b: a.cell % 3 < b.cell % 3,
    "right of": lambda a, b: a.cell % 3 > b.cell % 3,
    "above": lambda a, b: a.cell // 3 < b.cell // 3,
    "below": lambda a, b: a.cell // 3 > b.cell // 3,
}


def holds(scene: Scene, constraint: Constraint) -> bool:
    """Whether a constraint is true of a scene."""
    kind, noun = constraint.kind, constraint.noun
    if kind == "ground":
        return scene.ground == constraint.ground
    if kind == "quality":
        return scene.well
    assert noun is not None, constraint
    found = [thing for thing in scene.things if matches(thing, noun)]
    if kind == "count":
        return len(found) == constraint.count
    if kind == "place":
        return any(thing.cell == constraint.cell for thing in found)
    if kind == "relation":
        assert constraint.other is not None, constraint
        assert constraint.relation is not None, constraint
        others = [thing for thing in scene.things if matches(thing, constraint.other)]
        stands = _STANDS[constraint.relation]
        return any(stands(a, b) for a in found for b in others if a is not b)
    return bool(found)


@dataclass(frozen=True, slots=True)
class Case:
    """A request with its truth: what was asked, as constraints, and a scene that fulfils it; for benchmarks alone."""

    id: str
    text: str
    constraints: tuple[Constraint, ...]
    scene: Scene
    tags: tuple[str, ...] = field(default=())
