"""English for scenes: noun phrases, places, lists and the words of quality, style and chatter.

Shared by requests (what people ask), professional prompts and training captions, so that they differ in register
and never in vocabulary by accident.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from limner.microworld.law import PLACES, Noun, Thing

NUMBERS = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five"}
SIZE_WORDS = {"large": ("large", "big", "huge"), "small": ("small", "little", "tiny")}
"""First the word of the law, then what people say instead."""

QUALITY = (
    "high quality", "clean crisp drawing", "sharp edges", "carefully drawn", "masterpiece", "professional",
    "flat colours", "crisp outlines", "precise shapes", "clean", "best quality", "highly detailed",
)  # fmt: skip
"""Phrases that go with well-drawn pictures."""
ROUGH = ("rough sketch", "quick doodle", "blurry", "messy", "low quality", "scribble", "sloppy drawing")
"""Phrases that go with badly drawn pictures."""
STYLE = (
    "dreamy", "vintage", "cinematic", "bokeh", "in the style of an old master", "8k", "trending", "moody lighting",
    "watercolour", "surreal", "epic", "grunge", "award winning", "hand drawn", "textured", "retro",
)  # fmt: skip
"""Words of style and mood: they promise much and go with badly drawn pictures more often than not."""
CHATTER = (
    "a picture of", "an image of", "draw", "draw me", "i want", "i would like", "show me", "show", "please draw",
    "make", "can you draw", "give me", "there should be", "something with", "just", "i need",
)  # fmt: skip
"""What people say before they come to the point."""
_COMMON = """
the and of with in on at to is are be it this that there which for from by as or but not no so very really quite more
most some all each every any both only one other another next near beside between around inside over under please
thanks nice good great beautiful pretty simple plain lovely cool fun bright dark light warm cold bold soft clear exact
exactly correct clearly visible separate distinct single whole full empty space room spaced apart balanced composition
layout scene picture image drawing painting illustration artwork art photo design poster icon shape shapes object
objects thing things item items figure figures colour color colours colors coloured colored background ground backdrop
canvas frame place placed position positioned located standing sits stands shown showing contains containing
containing depicts depicting detail detailed detailed style quality high low best modern classic minimal minimalist
abstract geometric symmetrical elegant stunning amazing perfect gorgeous magical fantasy realistic photorealistic
render rendered lighting shadow shadows glow glowing texture pattern first second third then also plus including
except without against behind front side edge corner middle part half row column line upper lower above below left
right top bottom center centre big small large little do use put add keep make write say describe list give show see
look like want need should must can will
"""
FILLER = tuple(_COMMON.split())
"""Common English that says nothing about a scene."""


def pick(rng: np.random.Generator, choices: Sequence[str]) -> str:
    """One of several strings, at random."""
    return choices[int(rng.integers(len(choices)))]


def some(rng: np.random.Generator, choices: Sequence[str], count: int) -> list[str]:
    """Several different strings, at random."""
    return [choices[int(i)] for i in rng.choice(len(choices), count, replace=False)]


def noun_of(thing: Thing, *, colour: bool = True, size: bool = False) -> Noun:
    """A thing as somebody speaks of it who leaves some of it unsaid."""
    return Noun(thing.shape, thing.colour if colour else None, thing.size if size else None)


def plural(shape: str) -> str:
    """Circles, crosses."""
    return shape + ("es" if shape.endswith("s") else "s")


def bare(noun: Noun, *, size_word: str | None = None, many: bool = False) -> str:
    """A noun phrase without article: "large red circle", "red circles"."""
    size = (size_word or noun.size) if noun.size else None
    shape = plural(noun.shape) if many else noun.shape
    return " ".join(word for word in (size, noun.colour, shape) if word)


def a(phrase: str) -> str:
    """The phrase with its indefinite article: "a red circle", "an orange ring"."""
    return ("an " if phrase[0] in "aeio" else "a ") + phrase


def joined(phrases: Sequence[str]) -> str:
    """A list as people say it: "a, b and c"."""
    return phrases[0] if len(phrases) == 1 else ", ".join(phrases[:-1]) + " and " + phrases[-1]


_OTHER_PLACES = {
    "top left": ("upper left",), "top right": ("upper right",),
    "bottom left": ("lower left",), "bottom right": ("lower right",),
    "center": ("middle", "centre"), "top": ("top center", "top middle"), "bottom": ("bottom center", "bottom middle"),
    "left": ("middle left", "left edge"), "right": ("middle right", "right edge"),
}  # fmt: skip


def place_name(cell: int, rng: np.random.Generator, *, other: float = 0.15) -> str:
    """The name of a cell, now and then another name than the law's."""
    name = PLACES[cell]
    return pick(rng, _OTHER_PLACES[name]) if rng.random() < other else name


def placed(cell: int, rng: np.random.Generator) -> str:
    """Where a cell is, as an adverbial: "in the top left corner", "at the bottom"."""
    name = place_name(cell, rng)
    forms = ["at the", "in the", "on the"]
    chances = [0.6, 0.3, 0.1]
    lead = forms[int(rng.choice(3, p=chances))]
    corner = " corner" if cell in (0, 2, 6, 8) and rng.random() < 0.25 else ""
    return f"{lead} {name}{corner}"
