"""Edits of single objects: their determiner, adjectives and number. Each is a small function from things to things."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from limner.agents.nouns import Relation, Thing, is_colour
from limner.agents.style import Style
from limner.agents.words import ARTICLES, COUNT_OF, DETERMINERS, NUMBERS, article, is_plural, number_word, singular

RARE = {
    "large": "sizeable", "big": "sizeable", "huge": "immense", "small": "diminutive", "little": "petite",
    "tiny": "minute", "red": "scarlet", "blue": "azure", "green": "verdant", "yellow": "golden", "black": "ebony",
    "white": "ivory", "purple": "violet", "pink": "rosy", "grey": "ashen", "gray": "ashen", "brown": "chestnut",
    "orange": "amber", "cyan": "aqua",
}  # fmt: skip
"""Less common words for common adjectives."""
POETIC = ("radiant", "gentle", "timeless", "wistful", "luminous")


def worded(thing: Thing, style: Style, number: int) -> Thing:
    """One object as a style wants it said: shortened first, then added to, its determiner last."""
    if style.brief:
        thing = _brief(thing)
    if style.size and thing.size is None:
        thing = _described(thing, (style.size, *thing.modifiers))
    if style.poetic and not set(thing.modifiers) & set(POETIC):
        thing = _described(thing, (POETIC[number % len(POETIC)], *thing.modifiers))
    if style.synonyms:
        thing = _described(thing, tuple(rarer(word) for word in thing.modifiers))
    if style.numbers:
        thing = replace(thing, determiner=_numbered(thing.determiner, digits=style.numbers == "digits"))
    return _determined(thing, style.article)


def phrase(thing: Thing) -> str:
    """An object without its place: "two corgis wearing red scarves"."""
    return " ".join(part for part in (thing.determiner, *thing.modifiers, thing.noun, thing.tail) if part)


def listed(
    things: Sequence[Thing], relations: Sequence[Relation], keep: Collection[int] = ()
) -> tuple[list[Thing], list[Relation]]:
    """List counted objects one by one: "two red circles" become "a red circle", "a red circle", related as they were.

    Objects in `keep`, already placed, or counted in some other way than by a plain number stay together.
    """
    copies: list[Thing] = []
    where: list[list[int]] = []
    for at, thing in enumerate(things):
        one = [thing] if at in keep or thing.places else _each(thing)
        where.append(list(range(len(copies), len(copies) + len(one))))
        copies += one
    spread = [Relation(a, r.name, b) for r in relations for a in where[r.first] for b in where[r.second]]
    return copies, spread


def rarer(text: str) -> str:
    """A text with its common adjectives replaced by less common ones."""
    return " ".join(RARE.get(word.lower(), word) for word in text.split(" "))


def _each(thing: Thing) -> list[Thing]:
    plain = (
        thing.determiner.lower() in COUNT_OF or thing.determiner.isdigit() or thing.determiner.lower() == "a pair of"
    )
    if not plain or thing.count is None or not 2 <= thing.count <= 9:
        return [thing]
    noun = singular(thing.noun)
    one = replace(thing, noun=noun, determiner=article(" ".join((*thing.modifiers, noun))), count=None)
    return [one, *[replace(one, link=",", related=False)] * (thing.count - 1)]


def _brief(thing: Thing) -> Thing:
    kept = tuple(word for word in thing.modifiers if is_colour(word))
    determiner = "" if thing.determiner.lower() in DETERMINERS else thing.determiner
    return replace(thing, modifiers=kept, determiner=determiner, tail="")


def _described(thing: Thing, modifiers: tuple[str, ...]) -> Thing:
    """Change the modifiers, and "a" to "an" where the next word now wants it."""
    determiner = thing.determiner
    if determiner.lower() in ARTICLES and modifiers[:1] != thing.modifiers[:1]:
        determiner = article(" ".join((*modifiers, thing.noun)))
    return replace(thing, modifiers=modifiers, determiner=determiner)


def _numbered(determiner: str, *, digits: bool) -> str:
    return " ".join(_number(word, digits=digits) for word in determiner.split(" "))


def _number(word: str, *, digits: bool) -> str:
    if digits:
        return str(NUMBERS.get(word.lower(), word))
    return number_word(int(word)) if word.isdigit() else word


def _determined(thing: Thing, wanted: str | None) -> Thing:
    """Put, change or drop an article; counts and other determiners stay."""
    said = thing.determiner.lower()
    if wanted == "none":
        return replace(thing, determiner="") if said in ("a", "an", "the") else thing
    if wanted == "one":
        alone = said in ("a", "an") or (not said and not is_plural(thing.noun))
        return replace(thing, determiner="one") if alone else thing
    if wanted == "a" and not said and not is_plural(thing.noun):
        return replace(thing, determiner=article(" ".join((*thing.modifiers, thing.noun))))
    return thing
