"""The noun phrases of a request: objects as they were said, with determiner, adjectives, noun and what follows.

The head of a phrase is its last noun-like word before a preposition or a verb; nothing is known of any subject.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from limner.agents.units import RelationName
from limner.agents.words import (
    COLOURS,
    COUNT_OF,
    DETERMINERS,
    MANNER_NOUNS,
    MANNER_WORDS,
    SIZE_OF,
    WELL,
    is_verb_in_ing,
    word_set,
)


@dataclass(frozen=True, slots=True)
class Thing:
    """One object of a request as it was said.

    `modifiers` stand between determiner and noun in the order said; `tail` is what follows the noun; `places` are
    canonical and `where` says them as they were said; `link` joins it to the object before, and is a relation if
    `related`.
    """

    noun: str
    modifiers: tuple[str, ...] = ()
    determiner: str = ""
    count: int | None = None
    tail: str = ""
    places: tuple[str, ...] = ()
    where: str = ""
    link: str = ""
    related: bool = False

    @property
    def colour(self) -> str | None:
        """The first colour said, in lower case."""
        return next((word.lower() for word in self.modifiers if is_colour(word)), None)

    @property
    def size(self) -> str | None:
        """`small` or `large` if a word that means it was said."""
        return next((SIZE_OF[word.lower()] for word in self.modifiers if word.lower() in SIZE_OF), None)


class Relation(NamedTuple):
    """Object `first` stands `name` object `second` (indices into `Request.things`)."""

    first: int
    name: RelationName
    second: int


@dataclass(frozen=True, slots=True)
class Ground:
    """The colour asked for the ground, and the words that asked."""

    colour: str
    words: str


@dataclass(frozen=True, slots=True)
class Request:
    """A request taken apart. `lead` is chatter ("draw me a picture of"), `medium` such as "an oil painting of"."""

    text: str
    lead: str = ""
    medium: str = ""
    things: tuple[Thing, ...] = ()
    relations: tuple[Relation, ...] = ()
    ground: Ground | None = None
    manner: tuple[str, ...] = ()
    rest: tuple[str, ...] = ()

    @property
    def asks_quality(self) -> bool:
        """Whether the request itself says that the picture shall be drawn well."""
        return WELL.search(self.text) is not None


_ENDS_PHRASE = word_set(
    "with of for from by into through across along without like as at in on to is are was were that which who "
    "whose has have had while when where being made doing so but or than"
)
_NO_OBJECT_FIRST = word_set(
    "no not without in on at of for by from as to like with it they both each everything nothing all only write "
    "draw make use ignore add say describe put keep give show do follow output drawn painted done made rendered"
)
_TRAILING = word_set("please thanks too also here there together")
_SHADES = word_set("light dark pale bright deep")


def is_colour(modifier: str) -> bool:
    """Whether a modifier is a colour: "red", "light blue", "black and white"."""
    return modifier.lower().rsplit(" ", 1)[-1] in COLOURS


def noun_phrase(words: list[str]) -> Thing | None:
    """Read words as a noun phrase with whatever follows it; None if they name no object."""
    start = _after_determiner(words)
    end = _end_of_phrase(words, start)
    run = words[start:end]
    while run and run[-1].lower() in _TRAILING:
        run, end = run[:-1], end - 1
    run = _noun_last(run)
    if not run or (start == 0 and words[0].lower() in _NO_OBJECT_FIRST) or _is_manner(words[:start], run):
        return None
    if start == 0 and all(word.lower() in COLOURS or word.lower() in SIZE_OF for word in run):
        return None
    if run[-1].lower() in DETERMINERS:
        return None
    counts = [_count(word) for word in words[:start]]
    return Thing(
        noun=run[-1],
        modifiers=tuple(_merged(run[:-1])),
        determiner=" ".join(words[:start]),
        count=next((count for count in reversed(counts) if count), None),
        tail=" ".join(words[end:]),
    )


def _after_determiner(words: list[str]) -> int:
    start = 0
    while start < len(words) - 1 and _leads(words, start):
        start += 1
    return start


def _leads(words: list[str], at: int) -> bool:
    word = words[at].lower()
    if word == "of":
        return at > 0 and words[at - 1].lower() in ("pair", "couple")
    return word in DETERMINERS or _count(word) is not None or word in ("exactly", "only", "just")


def _count(word: str) -> int | None:
    return int(word) if word.isascii() and word.isdigit() and len(word) < 4 else COUNT_OF.get(word.lower())


def _end_of_phrase(words: list[str], start: int) -> int:
    """Where the noun phrase ends: at a preposition or verb that follows something noun-like."""
    named = False
    for at in range(start, len(words)):
        word = words[at].lower()
        if word in _ENDS_PHRASE:
            return at
        if named and (is_verb_in_ing(word) or (word.endswith("ed") and len(word) > 4 and _followed(words, at))):
            return at
        named = named or not is_adjective(word)
    return len(words)


def _followed(words: list[str], at: int) -> bool:
    return at + 1 < len(words) and words[at + 1].lower() in _ENDS_PHRASE | {"with", "by"}


def is_adjective(word: str) -> bool:
    """Whether a word is a colour, a size, a shade or a participle."""
    return word.lower() in COLOURS or word.lower() in SIZE_OF or word.lower() in _SHADES or is_verb_in_ing(word.lower())


def _noun_last(run: list[str]) -> list[str]:
    """Put colours and sizes said after the noun before it: "circle red" is "red circle"."""
    end = len(run)
    while end > 0 and (run[end - 1].lower() in COLOURS or run[end - 1].lower() in SIZE_OF):
        end -= 1
    if end in (0, len(run)):
        return run
    return [*run[end:], *run[:end]]


def _is_manner(leaders: list[str], run: list[str]) -> bool:
    lower = [word.lower() for word in run]
    bare = all(word.lower() in ("a", "an", "the") for word in leaders)
    plain = all(word in MANNER_WORDS for word in lower)
    return bare and plain and (not leaders or lower[-1] in MANNER_NOUNS)


def _merged(modifiers: list[str]) -> list[str]:
    """Join what is one colour: "light blue", "black and white"."""
    merged: list[str] = []
    for word in modifiers:
        joins = (
            merged
            and (merged[-1].lower() in _SHADES or merged[-1].lower().endswith(" and"))
            and word.lower() in COLOURS
        )
        if joins or (merged and word.lower() == "and"):
            merged[-1] = f"{merged[-1]} {word}"
        else:
            merged.append(word)
    return merged
