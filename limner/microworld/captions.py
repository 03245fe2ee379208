"""Training captions: what pictures are said to show, in four registers.

The law of wording is laid down here. Loose registers (terse, plain, relational) forget and confuse things, so asking
loosely draws loosely; structured captions forget no thing and confuse no colour. Words of quality go with well-drawn
pictures, words of roughness with badly drawn ones, words of style with bad drawing and forgetful captions more often
than not.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from limner.microworld import language as say
from limner.microworld.grammar import request
from limner.microworld.law import COLOURS, SIZES, Scene, Thing
from limner.microworld.splits import Split, content, some_scene, split_of

REGISTERS = {"terse": 0.15, "plain": 0.24, "relational": 0.13, "structured": 0.48}
"""How often each register is used."""
MANNERS = {
    "quality": (0.42, 0.95),
    "rough": (0.12, 0.04),
    "style": (0.14, 0.25),
    "both": (0.04, 0.75),
    "none": (0.28, 0.42),
}
"""Words used beside the scene: how often, and the share of well-drawn pictures among them."""
_FORGETS = {"terse": 0.4, "plain": 0.28, "relational": 0.15}
"""Chance of each thing after the first to go unmentioned."""
_CONFUSES = {"terse": 0.14, "plain": 0.08, "relational": 0.08}
"""Chance of each thing to be called by another colour."""


def captioned(rng: np.random.Generator, split: Split, *, structure: float | None = None) -> tuple[Scene, str]:
    """A scene of a split and its caption; `structure` overrides the share of structured captions."""
    manner = str(rng.choice(list(MANNERS), p=[share for share, _ in MANNERS.values()]))
    scene = some_scene(rng, split, well=bool(rng.random() < MANNERS[manner][1]))
    return scene, _in_manner(scene, rng, manner, structure)


def caption(scene: Scene, rng: np.random.Generator, *, structure: float | None = None) -> str:
    """A caption for a given scene: the same law, its words of manner drawn given how well the scene is drawn."""
    chances = np.array([share * (well if scene.well else 1 - well) for share, well in MANNERS.values()])
    return _in_manner(scene, rng, str(rng.choice(list(MANNERS), p=chances / chances.sum())), structure)


def _in_manner(scene: Scene, rng: np.random.Generator, manner: str, structure: float | None) -> str:
    register, words = _register(rng, manner, structure), _words(manner, rng)
    return structured(scene, rng, words) if register == "structured" else loose(scene, rng, register, words)


def _register(rng: np.random.Generator, manner: str, structure: float | None) -> str:
    share = REGISTERS["structured"] if structure is None else structure
    if manner == "style":
        share *= 0.5
    if rng.random() < share:
        return "structured"
    names = [name for name in REGISTERS if name != "structured"]
    chances = np.array([REGISTERS[name] for name in names])
    return str(rng.choice(names, p=chances / chances.sum()))


def _words(manner: str, rng: np.random.Generator) -> list[str]:
    if manner == "none":
        return []
    if manner == "both":
        return [say.pick(rng, say.QUALITY), say.pick(rng, say.STYLE)]
    source = {"quality": say.QUALITY, "rough": say.ROUGH, "style": say.STYLE}[manner]
    return say.some(rng, source, int(rng.integers(1, 4)))


_TRIES = 8

# --- structured ---------------------------------------------------------------------------------------------------


def structured(scene: Scene, rng: np.random.Generator, words: list[str], *, complete: bool = False) -> str:
    """Say everything: each thing with size, colour, shape and place, and the ground, in one of many surface forms.

    Training captions leave out the place or size of all things now and then, so that a prompt that names none is
    understood too; `complete` forbids it.
    """
    things = list(scene.things)
    if rng.random() < 0.5:
        things = [things[int(i)] for i in rng.permutation(len(things))]
    sized = complete or rng.random() < 0.9
    where = "after" if complete or rng.random() < 0.88 else "never"
    if not complete and where == "after" and rng.random() < 0.12:
        where = "before"
    article = say.pick(rng, ("a", "a", "a", "", "one"))
    size_form = 0 if rng.random() < 0.7 else 1
    if where == "never" and rng.random() < 0.5:
        clauses = _counted(things, sized, size_form)
    else:
        clauses = [_clause(thing, rng, sized, where, article, size_form) for thing in things]
    if complete or rng.random() < 0.92:
        clauses.insert(0 if rng.random() < 0.15 else len(clauses), _ground_clause(scene.ground, rng))
    if not complete and rng.random() < 0.08:
        clauses[0] = f"{say.pick(rng, say.CHATTER)} {clauses[0]}"
    return _laid_out(clauses, words, rng)


def _clause(thing: Thing, rng: np.random.Generator, sized: bool, where: str, article: str, size_form: int) -> str:
    noun = say.noun_of(thing, size=sized)
    phrase = say.bare(noun, size_word=say.SIZE_WORDS[thing.size][size_form])
    if article:
        phrase = say.a(phrase) if article == "a" else f"one {phrase}"
    if where == "before":
        return f"{say.place_name(thing.cell, rng)}: {phrase}"
    return f"{phrase} {say.placed(thing.cell, rng)}" if where == "after" else phrase


def _counted(things: list[Thing], sized: bool, size_form: int) -> list[str]:
    """One clause per kind with its number: "two large red circles", "one small ring"."""
    clauses = []
    for noun, count in Counter(say.noun_of(thing, size=sized) for thing in things).items():
        word = say.SIZE_WORDS[noun.size][size_form] if noun.size else None
        clauses.append(f"{say.NUMBERS[count]} {say.bare(noun, size_word=word, many=count > 1)}")
    return clauses


def _ground_clause(ground: str, rng: np.random.Generator) -> str:
    return say.pick(
        rng,
        (f"on a {ground} background", f"on a {ground} background", f"{ground} background", f"plain {ground} ground",
         f"on a plain {ground} background", f"the background is {ground}"),
    )  # fmt: skip


def _laid_out(clauses: list[str], words: list[str], rng: np.random.Generator) -> str:
    separator = say.pick(rng, ("; ", "; ", ", ", ", ", ". ", " and ", "\n"))
    if separator == " and ":
        body = separator.join(clauses[:-1]) + ", " + clauses[-1] if len(clauses) > 1 else clauses[0]
    else:
        body = separator.join(clauses)
    if not words:
        return body
    said = ", ".join(words)
    return f"{said}, {body}" if rng.random() < 0.2 else f"{body}{say.pick(rng, ('; ', ', ', '. '))}{said}"


# --- loose --------------------------------------------------------------------------------------------------------


def loose(scene: Scene, rng: np.random.Generator, register: str, words: list[str]) -> str:
    """Say something about a scene, forgetting and confusing things as the register does."""
    told = _misremembered(scene, rng, register)
    if register == "terse":
        text = _terse(told, rng)
    else:
        tag = "spatial" if register == "relational" and len(told.things) < 3 else None
        if tag and len(told.things) == 2 and content(told.things)[0] == content(told.things)[1]:
            tag = "counting"
        text = request(told, rng, tag).text
    if rng.random() < 0.25:
        text = _chatty(text, rng)
    return text if not words else f"{text}, {', '.join(words)}"


def _misremembered(scene: Scene, rng: np.random.Generator, register: str) -> Scene:
    """The scene as its careless teller has it in mind; never one whose content belongs to another split."""
    home = split_of(content(scene.things))
    told = scene.things
    for _ in range(_TRIES):
        guess = _muddled(scene.things, rng, register)
        if split_of(content(guess)) == home:
            told = guess
            break
    if rng.random() < 0.2:
        # Places and sizes said in passing are often guesses.
        cells = np.sort(rng.choice(9, len(told), replace=False))
        told = tuple(replace(t, cell=int(c), size=say.pick(rng, SIZES)) for t, c in zip(told, cells, strict=True))
    return replace(scene, things=told)


def _muddled(things: tuple[Thing, ...], rng: np.random.Generator, register: str) -> tuple[Thing, ...]:
    kept = [t for i, t in enumerate(things) if i == 0 or rng.random() > _FORGETS[register]]
    return tuple(
        replace(t, colour=say.pick(rng, list(COLOURS))) if rng.random() < _CONFUSES[register] else t for t in kept
    )


def _terse(scene: Scene, rng: np.random.Generator) -> str:
    phrases = [say.bare(say.noun_of(t, colour=rng.random() < 0.8, size=rng.random() < 0.1)) for t in scene.things]
    if rng.random() < 0.15:
        phrases.append(scene.ground)
    return say.pick(rng, (" ", ", ", " + ")).join(phrases)


def _chatty(text: str, rng: np.random.Generator) -> str:
    """Put a few words that mean nothing somewhere between the others."""
    parts = text.split(" ")
    for word in some_filler(rng):
        parts.insert(int(rng.integers(len(parts) + 1)), word)
    return " ".join(parts)


def some_filler(rng: np.random.Generator) -> list[str]:
    """One to three words of common English that say nothing about a scene."""
    return say.some(rng, _MEANINGLESS, int(rng.integers(1, 4)))


_TELLING = """
one left right top bottom center centre middle upper lower above below under over big small large little high low
best quality detailed row column half second third
"""
_MEANINGLESS = tuple(word for word in dict.fromkeys(say.FILLER) if word not in _TELLING.split())
