"""Requests by category, after the field's benchmarks: attribute binding, counting, spatial, and complex by degrees.

attribute (T2I-CompBench, arXiv 2307.06350): two or more things with their colours. counting (GenEval, arXiv
2310.11513): some shape more than once. spatial (both): two things and how they stand to each other. complex-k
(ConceptMix, arXiv 2408.14339): exactly k concepts beside the first object, each said once and each one constraint.
A concept is a further kind of object, a kind's number, colour or size, a thing's place, the relation of the first two
things, or the ground; so a complex-k case has k + 1 constraints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from limner.microworld import language as say
from limner.microworld.grammar import Request, possible, request
from limner.microworld.law import RELATIONS, Case, Constraint, Noun, Scene, Thing, holds
from limner.microworld.splits import SPLITS, Split, some_scene
from limner.types import Query

MOST_CONCEPTS = 7
CATEGORIES = ("attribute", "counting", "spatial", *(f"complex-{k}" for k in range(1, MOST_CONCEPTS + 1)))
_OBJECTS = (0.25, 0.35, 0.2, 0.12, 0.08)
_CHATTY = 0.3
_PATIENCE = 5_000
"""Scenes looked at for one request before a category is given up."""


def category_cases(category: str, count: int, seed: int = 0, split: Split = "held_out") -> list[Case]:
    """Different requests of a category for scenes of a split, tagged with it.

    Raises:
        ValueError: there is no such category, or it has no so many different requests.
    """
    if category not in CATEGORIES:
        raise ValueError(f"there is no category {category!r}: choose one of {', '.join(CATEGORIES)}")
    rng = np.random.default_rng([SPLITS.index(split), CATEGORIES.index(category), seed])
    found: dict[str, Case] = {}
    for _ in range(_PATIENCE * count):
        scene = some_scene(rng, split, objects=_OBJECTS, well=True)
        asked = _ask(category, scene, rng)
        if asked is not None and asked.text not in found:
            found[asked.text] = Case(Query.of(asked.text).id, asked.text, asked.constraints, scene, (category,))
        if len(found) == count:
            return list(found.values())
    raise ValueError(f"the category {category!r} has no {count} different requests in {split!r}: ask for fewer")


def _ask(category: str, scene: Scene, rng: np.random.Generator) -> Request | None:
    """A request of the category for this scene; None where the scene offers none."""
    name, _, concepts = category.partition("-")
    if name == "complex":
        return _complex(scene, int(concepts), rng)
    if name not in possible(scene) or (name == "attribute" and len(scene.things) < 2):
        return None
    if name == "spatial" and len(scene.things) != 2:
        return None
    return request(scene, rng, name)


# -- exactly k concepts ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Kind:
    """Things of one shape, and what is said of them; a number is always said of more than one."""

    things: tuple[Thing, ...]
    said: frozenset[str] = frozenset()

    @property
    def noun(self) -> Noun:
        return say.noun_of(self.things[0], colour="colour" in self.said, size="size" in self.said)

    def options(self) -> list[str]:
        """What could be said of all of them at once."""
        alike = ["colour"]
        if len({thing.size for thing in self.things}) == 1:
            alike.append("size")
        return alike if len(self.things) > 1 else [*alike, "place"]


def _complex(scene: Scene, concepts: int, rng: np.random.Generator) -> Request | None:
    kinds = _kinds(scene, rng)
    if kinds is None:
        return None
    left = concepts - (len(kinds) - 1) - sum(len(kind.things) > 1 for kind in kinds)
    options = [(number, word) for number, kind in enumerate(kinds) for word in kind.options()] + [(-1, "ground")]
    if len(kinds) > 1 and len(kinds[0].things) == len(kinds[1].things) == 1:
        options.append((-1, "relation"))
    if not 0 <= left <= len(options):
        return None
    chosen = {options[int(i)] for i in rng.choice(len(options), left, replace=False)}
    if (-1, "relation") in chosen and chosen & {(0, "place"), (1, "place")}:
        return None  # places of both would say the relation again
    told = [replace(k, said=frozenset(w for at, w in chosen if at == number)) for number, k in enumerate(kinds)]
    return _told(scene, told, {word for at, word in chosen if at < 0}, f"complex-{concepts}", rng)


def _kinds(scene: Scene, rng: np.random.Generator) -> list[_Kind] | None:
    """The scene's things by shape, in random order; None where two things of one shape differ in colour."""
    by_shape = [tuple(some) for _, some in groupby(sorted(scene.things, key=_shape), _shape)]
    if any(len({thing.colour for thing in some}) > 1 for some in by_shape):
        return None
    return [_Kind(by_shape[int(i)]) for i in rng.permutation(len(by_shape))]


def _shape(thing: Thing) -> str:
    return thing.shape


def _told(scene: Scene, kinds: Sequence[_Kind], also: set[str], tag: str, rng: np.random.Generator) -> Request:
    """The kinds in words, with the relation of the first two and the ground where they are to be said."""
    words = [_phrase(kind, rng) for kind in kinds]
    constraints = [constraint for kind in kinds for constraint in _about(kind)]
    if "relation" in also:
        first, second = kinds[0].noun, kinds[1].noun
        relations = [r for r in RELATIONS if holds(scene, Constraint("relation", first, second, r))]
        relation = say.pick(rng, relations)
        words[:2] = [f"{words[0]} {'to the ' if relation.endswith('of') else ''}{relation} {words[1]}"]
        constraints.append(Constraint("relation", first, second, relation))
    text = say.joined(words)
    if "ground" in also:
        text = f"{text} on a {scene.ground} background"
        constraints.append(Constraint("ground", ground=scene.ground))
    if rng.random() < _CHATTY:
        text = f"{say.pick(rng, say.CHATTER)} {text}"
    return Request(text, tuple(constraints), tag)


def _phrase(kind: _Kind, rng: np.random.Generator) -> str:
    count = len(kind.things)
    size = say.pick(rng, say.SIZE_WORDS[kind.noun.size]) if kind.noun.size else None
    bare = say.bare(kind.noun, size_word=size, many=count > 1)
    phrase = f"{say.NUMBERS[count]} {bare}" if count > 1 else say.a(bare)
    return f"{phrase} {say.placed(kind.things[0].cell, rng)}" if "place" in kind.said else phrase


def _about(kind: _Kind) -> list[Constraint]:
    """What a kind's phrase asks: that there is such a shape, and each concept said of it."""
    thing, shape = kind.things[0], Noun(kind.things[0].shape)
    asked = [Constraint("exists", shape)]
    if len(kind.things) > 1:
        asked.append(Constraint("count", shape, count=len(kind.things)))
    if "colour" in kind.said:
        asked.append(Constraint("attribute", replace(shape, colour=thing.colour)))
    if "size" in kind.said:
        asked.append(Constraint("size", kind.noun))
    if "place" in kind.said:
        asked.append(Constraint("place", kind.noun, cell=thing.cell))
    return asked
