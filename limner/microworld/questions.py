"""Yes/no questions about pictures of the embedded world: their wording, and truths to train and test a judge on.

The wording is that of the rule-based questioner. `draw_question` invents a question of a wanted kind and a wanted
answer about a scene; most of its "no" questions are near misses (one attribute changed, colours swapped between two
things, the place next door, a count off by one): a judge of easy ones alone learns to answer from single words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar, get_args

from limner.microworld.law import (
    COLOURS,
    GROUNDS,
    PLACES,
    RELATIONS,
    SHAPES,
    SIZES,
    Constraint,
    Kind,
    Noun,
    Scene,
    holds,
)

if TYPE_CHECKING:
    from numpy.random import Generator as Random

    from limner.microworld.law import Thing

KINDS: tuple[Kind, ...] = get_args(Kind)
NUMBERS = ("one", "two", "three", "four", "five")
_OPPOSITE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
_TRIES = 40

T = TypeVar("T")


def phrase(noun: Noun) -> str:
    """A noun in words, without an article: `large red circle`."""
    return " ".join(word for word in (noun.size, noun.colour, noun.shape) if word is not None)


def _plural(text: str) -> str:
    return text + ("es" if text.endswith("s") else "s")


def _article(text: str) -> str:
    return "an" if text[0] in "aeiou" else "a"


def ask(constraint: Constraint) -> str:
    """The question whose answer is "yes" where the constraint holds."""
    if constraint.kind == "ground":
        return f"Is the background {constraint.ground}?"
    if constraint.kind == "quality":
        return "Is the picture drawn well?"
    if constraint.noun is None:
        raise ValueError(f"a constraint of kind {constraint.kind!r} needs a noun; got {constraint!r}")
    return _ABOUT[constraint.kind](constraint, constraint.noun)


def _ask_exists(_: Constraint, noun: Noun) -> str:
    words = phrase(noun)
    return f"Is there {_article(words)} {words}?"


def _ask_count(constraint: Constraint, noun: Noun) -> str:
    if constraint.count is None or not 1 <= constraint.count <= len(NUMBERS):
        raise ValueError(f"a count to ask about is between 1 and {len(NUMBERS)}; got {constraint.count!r}")
    number = NUMBERS[constraint.count - 1]
    if number == "one":
        return f"Is there exactly one {phrase(noun)}?"
    return f"Are there exactly {number} {_plural(phrase(noun))}?"


def _ask_relation(constraint: Constraint, noun: Noun) -> str:
    if constraint.other is None:
        raise ValueError(f"a relation needs two nouns; got {constraint!r}")
    return f"Is the {phrase(noun)} {constraint.relation} the {phrase(constraint.other)}?"


_ABOUT: dict[str, Callable[[Constraint, Noun], str]] = {
    "exists": _ask_exists,
    "count": _ask_count,
    "attribute": lambda _, noun: f"Is the {noun.shape} {noun.colour}?",
    "size": lambda _, noun: f"Is the {phrase(replace(noun, size=None))} {noun.size}?",
    "relation": _ask_relation,
    "place": lambda constraint, noun: f"Is the {phrase(noun)} at the {PLACES[constraint.cell or 0]}?",
}


# -- inventing questions ---------------------------------------------------------------------------------------------


def _pick(rng: Random, options: tuple[T, ...]) -> T:
    return options[int(rng.integers(len(options)))]


def _noun(rng: Random, thing: Thing, colour: float = 0.8, size: float = 0.25) -> Noun:
    """How somebody might speak of a thing: its colour and size are said with these probabilities."""
    return Noun(
        thing.shape,
        thing.colour if rng.random() < colour else None,
        thing.size if rng.random() < size else None,
    )


def _near_miss(rng: Random, scene: Scene, noun: Noun) -> Noun:
    """The noun with one attribute changed, rather to what another thing of the scene has."""
    other = _pick(rng, scene.things)
    if noun.size is not None and rng.random() < 0.3:
        return replace(noun, size=SIZES[1 - SIZES.index(noun.size)])
    borrowed = rng.random() < 0.6
    if noun.colour is not None and rng.random() < 0.55:
        return replace(noun, colour=other.colour if borrowed else _pick(rng, tuple(COLOURS)))
    return replace(noun, shape=other.shape if borrowed else _pick(rng, SHAPES))


def _some_noun(rng: Random, scene: Scene, yes: bool, size: float = 0.25) -> Noun:
    noun = _noun(rng, _pick(rng, scene.things), size=size)
    return noun if yes else _near_miss(rng, scene, noun)


def _draw_exists(rng: Random, scene: Scene, yes: bool) -> Constraint:
    return Constraint("exists", _some_noun(rng, scene, yes))


def _draw_attribute(rng: Random, scene: Scene, yes: bool) -> Constraint:
    thing = _pick(rng, scene.things)
    colour = thing.colour
    if not yes:
        colour = _pick(rng, scene.things).colour if rng.random() < 0.5 else _pick(rng, tuple(COLOURS))
    return Constraint("attribute", Noun(thing.shape, colour))


def _draw_size(rng: Random, scene: Scene, yes: bool) -> Constraint:
    noun = _noun(rng, _pick(rng, scene.things), size=1.0)
    if not yes:
        return Constraint("size", replace(noun, size=_pick(rng, SIZES)))
    return Constraint("size", noun)


def _draw_count(rng: Random, scene: Scene, yes: bool) -> Constraint:
    noun = _noun(rng, _pick(rng, scene.things), colour=0.6, size=0.1)
    if not yes and rng.random() < 0.3:
        noun = _near_miss(rng, scene, noun)
    there = _count(scene, noun)
    if not yes:
        there += _pick(rng, (-1, 1, 1, 2))
    return Constraint("count", noun, count=min(max(there, 1), len(NUMBERS)))


def _count(scene: Scene, noun: Noun) -> int:
    return next(n for n in range(len(scene.things) + 1) if holds(scene, Constraint("count", noun, count=n)))


def _draw_relation(rng: Random, scene: Scene, yes: bool) -> Constraint:
    first, second = (_noun(rng, _pick(rng, scene.things), size=0.15) for _ in range(2))
    relation = _pick(rng, RELATIONS)
    asked = Constraint("relation", first, other=second, relation=relation)
    if yes or rng.random() < 0.3:
        return asked
    # A relation that does hold, turned round: the nouns are right and only the order is wrong.
    if rng.random() < 0.6:
        return replace(asked, relation=_OPPOSITE[relation]) if holds(scene, asked) else asked
    swapped = replace(first, colour=second.colour), replace(second, colour=first.colour)
    return replace(asked, noun=swapped[0], other=swapped[1])


def _draw_place(rng: Random, scene: Scene, yes: bool) -> Constraint:
    thing = _pick(rng, scene.things)
    cell, noun = thing.cell, _noun(rng, thing, size=0.15)
    if not yes:
        how = rng.random()
        if how < 0.45:
            cell = _pick(rng, _next_door(cell))
        elif how < 0.75:
            cell = _pick(rng, scene.things).cell
        else:
            noun = _near_miss(rng, scene, noun)
    return Constraint("place", noun, cell=cell)


def _next_door(cell: int) -> tuple[int, ...]:
    row, column = divmod(cell, 3)
    return tuple(c for c in range(9) if c != cell and abs(c // 3 - row) <= 1 and abs(c % 3 - column) <= 1)


def _draw_ground(rng: Random, scene: Scene, yes: bool) -> Constraint:
    return Constraint("ground", ground=scene.ground if yes else _pick(rng, tuple(GROUNDS)))


_DRAW: dict[Kind, Callable[[Random, Scene, bool], Constraint]] = {
    "exists": _draw_exists,
    "attribute": _draw_attribute,
    "count": _draw_count,
    "size": _draw_size,
    "relation": _draw_relation,
    "ground": _draw_ground,
    "place": _draw_place,
    "quality": lambda _rng, _scene, _yes: Constraint("quality"),
}


def draw_question(rng: Random, scene: Scene, kind: Kind, yes: bool) -> Constraint | None:
    """A constraint of this kind that holds (`yes`) or fails in the scene; None where the scene offers none."""
    if not scene.things and kind not in ("ground", "quality"):
        return None
    for _ in range(_TRIES if kind != "quality" else 1):
        constraint = _DRAW[kind](rng, scene, yes)
        if holds(scene, constraint) == yes:
            return constraint
    return None
