"""What people ask, and what professionals write for it.

A request is careless English about some facts of a scene, with those facts as constraints. A professional prompt
says everything about the scene, in one of several house styles.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from limner.microworld import language as say
from limner.microworld.law import RELATIONS, Case, Constraint, Noun, Scene, Thing, holds

TAGS = ("attribute", "counting", "spatial", "complex")


@dataclass(frozen=True, slots=True)
class Request:
    """A request in words, and what it asks."""

    text: str
    constraints: tuple[Constraint, ...]
    tag: str


def facts(scene: Scene) -> tuple[Constraint, ...]:
    """Everything a scene says: each thing in its place, how many there are of each, and the ground."""
    places = [Constraint("place", say.noun_of(thing, size=True), cell=thing.cell) for thing in scene.things]
    kinds = Counter(Noun(thing.shape, thing.colour) for thing in scene.things)
    counts = [Constraint("count", noun, count=count) for noun, count in kinds.items()]
    return (*places, *counts, Constraint("ground", ground=scene.ground))


def request(scene: Scene, rng: np.random.Generator, tag: str | None = None) -> Request:
    """Ask for a scene as people do. A tag that the scene cannot carry falls back to one that it can."""
    tag = tag or possible(scene)[int(rng.integers(len(possible(scene))))]
    text, constraints = _BY_TAG[tag](scene, rng)
    if rng.random() < 0.3:
        text = f"{text} {_ground_phrase(scene.ground, rng)}"
        constraints = [*constraints, Constraint("ground", ground=scene.ground)]
    if rng.random() < 0.08:
        text = f"{text}, {say.pick(rng, ('drawn well', 'drawn nicely', 'well drawn please'))}"
        constraints = [*constraints, Constraint("quality")]
    if rng.random() < 0.3:
        text = f"{say.pick(rng, say.CHATTER)} {text}"
    assert all(holds(scene, c) for c in constraints if c.kind != "quality"), (scene, text)
    return Request(text, tuple(constraints), tag)


def possible(scene: Scene) -> tuple[str, ...]:
    """The tags of the requests that can be made of a scene."""
    count = len(scene.things)
    if count >= 3:
        repeated = max(Counter(t.shape for t in scene.things).values()) > 1
        return ("counting", "complex") if repeated else ("complex",)
    if count == 1:
        return ("attribute", "spatial")
    first, second = scene.things
    alike = first.shape == second.shape
    if alike and first.colour == second.colour:
        return ("counting",)
    return ("attribute", "spatial", "counting") if alike else ("attribute", "spatial")


def _ground_phrase(ground: str, rng: np.random.Generator) -> str:
    return say.pick(rng, (f"on a {ground} background", f"on {ground}", f"on a {ground} ground", f"{ground} background"))


def _mention(noun: Noun, rng: np.random.Generator) -> str:
    word = say.pick(rng, say.SIZE_WORDS[noun.size]) if noun.size else None
    return say.a(say.bare(noun, size_word=word))


def _about(noun: Noun) -> list[Constraint]:
    """What naming a thing asks: that such a shape exists, and has the colour and the size that were said."""
    asked = [Constraint("exists", Noun(noun.shape))]
    if noun.colour:
        asked.append(Constraint("attribute", Noun(noun.shape, noun.colour)))
    if noun.size:
        asked.append(Constraint("size", noun))
    return asked


def _order(scene: Scene, rng: np.random.Generator) -> list[Thing]:
    return [scene.things[int(i)] for i in rng.permutation(len(scene.things))]


def _attribute(scene: Scene, rng: np.random.Generator) -> tuple[str, list[Constraint]]:
    nouns = [say.noun_of(thing, size=rng.random() < 0.3) for thing in _order(scene, rng)]
    words = [_mention(noun, rng) for noun in nouns]
    link = say.pick(rng, (" and ", " and ", " with ", ", "))
    text = link.join(words) if len(words) == 2 else say.joined(words)
    return text, [c for noun in nouns for c in _about(noun)]


def _counting(scene: Scene, rng: np.random.Generator) -> tuple[str, list[Constraint]]:
    by_shape = Counter(thing.shape for thing in scene.things)
    words, constraints = [], []
    for shape, count in sorted(by_shape.items(), key=lambda item: (-item[1], item[0])):
        colours = {thing.colour for thing in scene.things if thing.shape == shape}
        noun = Noun(shape, colours.pop() if len(colours) == 1 else None)
        words.append(f"{say.NUMBERS[count]} {say.bare(noun, many=True)}" if count > 1 else _mention(noun, rng))
        constraints.append(Constraint("count", noun, count=count))
    return say.joined(words), constraints


def _spatial(scene: Scene, rng: np.random.Generator) -> tuple[str, list[Constraint]]:
    order = _order(scene, rng)
    nouns = [say.noun_of(thing, size=rng.random() < 0.25) for thing in order]
    asked = [c for noun in nouns[:2] for c in _about(noun)]
    if len(order) > 1:
        one, two = nouns[:2]
        relations = [r for r in RELATIONS if holds(scene, Constraint("relation", one, two, r))]
        relation = say.pick(rng, relations)
        words = {"left of": ("to the left of", "left of"), "right of": ("to the right of", "right of"),
                 "above": ("above",), "below": ("below", "under")}[relation]  # fmt: skip
        text = f"{_mention(one, rng)} {say.pick(rng, words)} {_mention(two, rng)}"
        return text, [*asked, Constraint("relation", one, two, relation)]
    cell = order[0].cell
    return f"{_mention(nouns[0], rng)} {say.placed(cell, rng)}", [*asked, Constraint("place", nouns[0], cell=cell)]


def _complex(scene: Scene, rng: np.random.Generator) -> tuple[str, list[Constraint]]:
    """Three to five things: some sized, one placed, sometimes two related."""
    order = _order(scene, rng)
    nouns = [say.noun_of(thing, size=rng.random() < 0.2) for thing in order]
    words = [_mention(noun, rng) for noun in nouns]
    constraints = [c for noun in nouns for c in _about(noun)]
    if rng.random() < 0.5:
        words[-1] += f" {say.placed(order[-1].cell, rng)}"
        constraints.append(Constraint("place", nouns[-1], cell=order[-1].cell))
    elif rng.random() < 0.5:
        pair, related = _spatial(Scene(tuple(order[:2]), scene.ground), rng)
        words[:2] = [pair]
        constraints = [*related, *(c for noun in nouns[2:] for c in _about(noun))]
    return say.joined(words), constraints


_BY_TAG: dict[str, Callable[[Scene, np.random.Generator], tuple[str, list[Constraint]]]] = {
    "attribute": _attribute,
    "counting": _counting,
    "spatial": _spatial,
    "complex": _complex,
}


def professional(case: Case, rng: np.random.Generator) -> str:
    """A complete prompt for a case's scene, with words of quality, in some house style."""
    from limner.microworld.captions import structured

    words = say.some(rng, say.QUALITY, int(rng.integers(2, 4)))
    return structured(case.scene, rng, words, complete=True)
