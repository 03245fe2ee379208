"""Reads any prompt with an eye for certain nouns: where each is named, with which adjectives, number and place.

The prompt may be tags, sentences or lines, in any order. Its units are those of requests; an adjective belongs to the
noun of its own run of words, and one that stands alone ("it is red", "a red, glossy ring") to the nouns on either side.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from limner.agents.nouns import is_adjective
from limner.agents.units import Unit, relation_meant, units
from limner.agents.words import COUNT_OF, DETERMINERS, SIZE_OF, is_plural, is_verb_in_ing, singular, word_set

_SPELLINGS = {"gray": "grey", "color": "colour", "center": "centre"}
_BARE = DETERMINERS | word_set(
    "it they is are which very all both each in of colour color size sized coloured colored stand stands standing sit "
    "sits sitting lies lying placed located positioned appears"
)
_PRONOUNS = word_set("it them this that him her")
_WEIGHT = re.compile(r":\s*-?\d+(?:\.\d+)?(?=\s*[)\]])")
"""What some interfaces write behind a phrase in brackets: (red circle:1.3)."""


@dataclass(slots=True)
class Sighting:
    """One mention of a noun. `adjectives` are stems; `number` is None where none is said; `sentence` counts from 0."""

    noun: str
    plural: bool
    sentence: int
    number: int | None = None
    adjectives: set[str] = field(default_factory=set)
    places: set[str] = field(default_factory=set)


class Mention(NamedTuple):
    """A relation that the prompt says: its meaning, its words, and the mentions on its two sides where they are."""

    name: str
    words: str
    subject: Sighting | None
    object: Sighting | None


@dataclass(frozen=True, slots=True)
class Reading:
    """A prompt as read. `stems` are those of all its words; `grounds` the colours said of the background."""

    sightings: tuple[Sighting, ...]
    mentions: tuple[Mention, ...]
    grounds: frozenset[str]
    stems: frozenset[str]


def look(prompt: str, nouns: Collection[str], adjectives: Collection[str] = ()) -> Reading:
    """Read a prompt for nouns and adjectives, given as stems. Any text can be read."""
    look = _Look(frozenset(nouns), frozenset(adjectives), list(units(_WEIGHT.sub("", prompt))))
    look.run()
    stems = frozenset(one for word in re.findall(r"[\w'’-]+", prompt) for one in stems_of(word))
    return Reading(tuple(look.sightings), tuple(look.mentions()), frozenset(look.grounds), stems)


@lru_cache(maxsize=4096)
def stem(word: str) -> str:
    """What a word's forms have in common: "wears", "wearing" and "wear", "striped" and "stripes", "big" and "large"."""
    low = word.lower().replace("’", "'").strip("'-").removesuffix("'s")
    low = SIZE_OF.get(low, _SPELLINGS.get(low, low))
    low = singular(low)
    if is_verb_in_ing(low) and len(low) > 5:
        low = low[:-3]
    elif low.endswith("ed") and len(low) > 4:
        low = low[:-2]
    if len(low) > 3 and low[-1] == low[-2] and low[-1] not in "sle":
        low = low[:-1]
    return low[:-1] if low.endswith("e") and len(low) > 3 else low


def stems_of(word: str) -> set[str]:
    """The stems of a word and of its parts, where it has a hyphen."""
    return {stem(part) for part in (word, *word.split("-")) if part.strip("'’-")}


@dataclass(slots=True)
class _Look:
    nouns: frozenset[str]
    adjectives: frozenset[str]
    units: list[Unit]
    sightings: list[Sighting] = field(default_factory=list)
    grounds: set[str] = field(default_factory=set)
    words: list[str] = field(default_factory=list)
    sentence: int = 0
    waiting: set[str] = field(default_factory=set)
    """Adjectives, and below places, that belong to the next mention."""
    waiting_places: set[str] = field(default_factory=set)
    related: list[tuple[Unit, int, bool]] = field(default_factory=list)
    """A relation, how many mentions stood before it, and whether a pronoun follows."""

    def run(self) -> None:
        for at, unit in enumerate(self.units):
            if unit.kind == "word":
                self.words.append(unit.words)
                continue
            self._close()
            if unit.kind == "ground":
                self.grounds.add(unit.meaning)
            elif unit.kind == "place":
                self._locate(unit, at)
            elif unit.kind == "relation":
                following = self.units[at + 1].words.lower() if at + 1 < len(self.units) else ""
                self.related.append((unit, len(self.sightings), following in _PRONOUNS))
            elif unit.words[:1] in (".", ";", "\n"):
                self.sentence += 1
        self._close()

    def mentions(self) -> list[Mention]:
        return [self._mention(*one) for one in self.related]

    def _mention(self, unit: Unit, before: int, pronoun: bool) -> Mention:
        seen = self.sightings
        subject = seen[before - 1] if before else None
        if pronoun:
            target = seen[before - 2] if before > 1 else None
        else:
            target = seen[before] if before < len(seen) else None
            if subject and target and subject.sentence != target.sentence:
                subject = None
        return Mention(relation_meant(unit.words), unit.words.lower(), subject, target)

    def _locate(self, unit: Unit, at: int) -> None:
        """A place belongs to the mention just before it; after a comma it may belong to either side."""
        before = self.units[at - 1] if at else None
        after = self.units[at + 1] if at + 1 < len(self.units) else None
        first = before is None or before.kind != "word"
        named_next = after is not None and after.words.startswith(":")
        if self.sightings and not named_next and (before is None or before.words[:1] not in (".", ";", "\n")):
            self.sightings[-1].places.add(unit.meaning)
        if first or named_next or not self.sightings:
            self.waiting_places = {unit.meaning}

    def _close(self) -> None:
        words, self.words = self.words, []
        if not words:
            return
        stems = [stem(word) for word in words]
        at_noun = [at for at, one in enumerate(stems) if one in self.nouns]
        if {"background", "backdrop", "ground"} & set(stems):
            self.grounds |= set(stems)
        if not at_noun:
            if all(self._describes(word, one) for word, one in zip(words, stems, strict=True)):
                self._share(set(stems))
            return
        found = {at: Sighting(stems[at], is_plural(words[at].lower()), self.sentence) for at in at_noun}
        for at, word in enumerate(words):
            if at not in found:
                owner = found[self._owner(at, words, stems, at_noun)]
                owner.adjectives |= stems_of(word)
                count = _number(word)
                owner.number = count if count is not None and owner.number is None else owner.number
        first = found[at_noun[0]]
        first.adjectives |= self.waiting
        first.places |= self.waiting_places
        self.waiting, self.waiting_places = set(), set()
        self.sightings += found.values()

    def _owner(self, at: int, words: list[str], stems: list[str], nouns: list[int]) -> int:
        """The noun that a word describes: the next one if only adjectives stand between, else the one before."""
        following = next((noun for noun in nouns if noun > at), None)
        before = next((noun for noun in reversed(nouns) if noun < at), None)
        if following is None or before is None:
            return nouns[0] if before is None else nouns[-1]
        between = range(at + 1, following)
        direct = all(self._describes(words[i], stems[i]) for i in between)
        return following if direct else before

    def _describes(self, word: str, one: str) -> bool:
        low = word.lower()
        return one in self.adjectives or is_adjective(low) or low in _BARE or _number(low) is not None

    def _share(self, stems: set[str]) -> None:
        """Give adjectives that stand alone to the mentions on either side."""
        if self.sightings:
            self.sightings[-1].adjectives |= stems
        self.waiting |= stems


def _number(word: str) -> int | None:
    low = word.lower()
    return int(low) if low.isascii() and low.isdigit() and len(low) < 4 else COUNT_OF.get(low)
