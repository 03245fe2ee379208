"""What a prompt no longer asks for: rules that look for every object, attribute, number, relation, place and ground.

The request is taken apart by the parser, the prompt is read for the request's own nouns; a word may change its form
and its place, a relation its direction, and sizes their word, but what was asked must still be asked of the same thing.
What the parser cannot take apart is not demanded, so a request's commands and chatter need not be repeated.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, NamedTuple

from limner.agents.nouns import Relation, Request, Thing, is_adjective
from limner.agents.parser import parse
from limner.agents.sightings import Mention, Reading, Sighting, look, stem, stems_of
from limner.agents.words import ARTICLES, PLACES, is_plural, plural, word_set

FaultKind = Literal[
    "object", "attribute", "count", "relation", "place", "ground", "words", "locked", "style", "length", "model"
]
STYLE_WORDS = word_set(
    "cinematic dramatic moody dreamy vintage retro surreal epic grunge watercolour watercolor sketch doodle cartoon "
    "anime photorealistic hyperrealistic minimalist abstract bokeh noir cyberpunk steampunk gothic impressionist "
    "cubist baroque pastel neon ethereal whimsical artstation octane unreal isometric lowpoly polaroid grainy"
)
"""Words that set a style: kept where a request has them, not added where the person wants their own style."""
_SAID_OF = ("with", "wearing", "holding", "made of", "of", "in", "covered", "full")
"""A phrase behind a noun that begins so says how the thing looks; others, such as "for my aunt", may not be shown."""
_SMALL = word_set(
    "a an the of in on at with and or is are was it its his her their my our your from by to for as made drawn painted "
    "picture image drawing scene"
)
_INVERSE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above", "beside": "beside"}
_WORDED = ("behind", "in front of", "between", "around", "inside")
"""Relations that say nothing of places in the frame but much of the scene."""


class Fault(NamedTuple):
    """One thing that is wrong with a prompt: its kind, and in words what is missing or must go."""

    kind: FaultKind
    said: str


def faults(request: str, prompt: str, locked: Sequence[str] = (), *, style_neutral: bool = False) -> tuple[Fault, ...]:
    """What a prompt lost of a request, and the style it added where that is not wanted; empty if it is faithful.

    Args:
        request: the person's own words.
        prompt: what is to be drawn.
        locked: texts that must stand in the prompt as they are wherever the request has them; what the request puts
            into double quotes is locked always.
        style_neutral: whether the prompt may add words of style.
    """
    found = [] if _verbatim(request, prompt) else [*_Check(_parsed(request), prompt).faults()]
    found += _text_faults(request, prompt, locked)
    found += _added_style(request, prompt) if style_neutral else ()
    return tuple(dict.fromkeys(found))


def locked_texts(request: str, locked: Sequence[str] = ()) -> tuple[str, ...]:
    """What must be kept to the letter: texts in double quotes, and those of `locked` that the request has."""
    quoted = [text for text in re.findall(r'["“]([^"“”]+)["”]', request) if text.strip()]
    named = [text for text in locked if _plainly(text) in _plainly(request)]
    return tuple(dict.fromkeys((*quoted, *named)))


def stems_asked(request: str, text: str) -> frozenset[str]:
    """Which nouns of a request a text names, as stems."""
    nouns = {stem(thing.noun) for thing in parse(request).things}
    return frozenset(nouns & {one for word in re.findall(r"[\w'’-]+", text) for one in stems_of(word)})


@lru_cache(maxsize=256)
def _parsed(request: str) -> Request:
    """A request taken apart: many prompts are held against each."""
    parsed = parse(request)
    return replace(parsed, things=tuple(_joined(parsed.things)))


@dataclass(frozen=True, slots=True)
class _Asked:
    """One object of the request with what is looked for: stems of its noun and of its adjectives."""

    thing: Thing
    noun: str
    adjectives: frozenset[str]
    alone: bool
    """Whether its noun is asked for once."""

    @classmethod
    def of(cls, thing: Thing, nouns: Counter[str]) -> _Asked:
        noun = stem(thing.noun)
        words = [word for modifier in thing.modifiers for word in modifier.split() if word.lower() not in _SMALL]
        return cls(thing, noun, frozenset(map(stem, words)) - {noun}, nouns[noun] == 1)

    def among(self, sightings: Sequence[Sighting]) -> list[Sighting]:
        """The mentions that can be this object."""
        named = [one for one in sightings if one.noun == self.noun]
        return named if self.alone else [one for one in named if self.fits(one)]

    def fits(self, sighting: Sighting) -> bool:
        """Whether a mention has the noun and all adjectives."""
        return sighting.noun == self.noun and sighting.adjectives >= self.adjectives

    def is_at(self, sighting: Sighting | None) -> bool:
        return sighting is None or bool(self.among([sighting]))


class _Check:
    """One request beside one prompt."""

    def __init__(self, request: Request, prompt: str) -> None:
        self.request = request
        nouns = Counter(stem(thing.noun) for thing in self.request.things if not is_adjective(thing.noun))
        self.asked = [_Asked.of(thing, nouns) for thing in self.request.things]
        adjectives = {one for asked in self.asked for one in asked.adjectives}
        self.reading: Reading = look(prompt, nouns, adjectives)

    def faults(self) -> Iterator[Fault]:
        for asked in self.asked:
            if not is_adjective(asked.thing.noun):
                yield from self._of_thing(asked)
        yield from self._of_twins()
        for relation in self.request.relations:
            if not self._holds(relation):
                yield Fault("relation", self._relation_said(relation))
        ground = self.request.ground
        if ground is not None and not self._on(ground.colour):
            yield Fault("ground", f"a {ground.colour} background")
        yield from self._of_manner()

    def _of_thing(self, asked: _Asked) -> Iterator[Fault]:
        thing = asked.thing
        named = [one for one in self.reading.sightings if one.noun == asked.noun]
        if not named:
            yield Fault("object", _phrase(thing))
            return
        found = asked.among(named)
        described = {one for sighting in found for one in sighting.adjectives}
        for modifier in thing.modifiers:
            wanted = {stem(word) for word in modifier.split() if word.lower() not in _SMALL} - {asked.noun}
            if not wanted <= described:
                yield Fault("attribute", f"{modifier} {thing.noun}")
        if not self._counted(asked, found or named):
            yield Fault("count", _count_said(thing, _asked_number(thing) or 0))
        places = {place for sighting in found for place in sighting.places}
        for place in thing.places:
            if place not in places:
                yield Fault("place", f"{thing.noun} at the {place}")
        yield from self._of_tail(thing)

    def _counted(self, asked: _Asked, found: Sequence[Sighting]) -> bool:
        number = _asked_number(asked.thing)
        if number is None:
            return True
        single = [one for one in found if one.number in (None, 1) and not one.plural]
        if number == 1:
            return bool(single)
        return any(one.number == number for one in found) or len(single) >= number

    def _of_twins(self) -> Iterator[Fault]:
        """Objects that a description fits must be there as often as such objects are asked for."""
        for asked in self.asked:
            twins = [one for one in self.asked if one.noun == asked.noun and one.adjectives >= asked.adjectives]
            found = [one for one in self.reading.sightings if asked.fits(one)]
            total = sum(_asked_number(twin.thing) or 1 for twin in twins)
            unnumbered = any(one.plural and one.number is None for one in found)
            if len(twins) > 1 and found and not unnumbered and total > sum(one.number or 1 for one in found):
                yield Fault("count", _count_said(asked.thing, total))

    def _of_tail(self, thing: Thing) -> Iterator[Fault]:
        tail = thing.tail.lower()
        if tail.startswith(_SAID_OF) and not self._says(tail):
            yield Fault("attribute", f"{thing.noun} {thing.tail}")

    def _of_manner(self) -> Iterator[Fault]:
        for said in (self.request.medium, *self.request.manner):
            style = said == self.request.medium or STYLE_WORDS & set(said.lower().split())
            if style and not self._says(said):
                yield Fault("words", said)

    def _says(self, phrase: str) -> bool:
        words = [word for word in re.findall(r"[\w'’-]+", phrase) if word.lower() not in _SMALL]
        return all(stems_of(word) & self.reading.stems for word in words)

    def _on(self, colour: str) -> bool:
        return colour in self.reading.grounds or {stem(word) for word in colour.split()} <= self.reading.grounds

    def _holds(self, relation: Relation) -> bool:
        first, second = self.asked[relation.first], self.asked[relation.second]
        if relation.name == "other":
            key = next((key for key in _WORDED if key in second.thing.link.lower()), None)
            return key is None or any(key in one.words and second.is_at(one.object) for one in self.reading.mentions)
        if not first.among(self.reading.sightings) or not second.among(self.reading.sightings):
            return True  # a missing object is a fault of its own
        return any(self._says_so(one, relation.name, first, second) for one in self.reading.mentions) or self._placed(
            relation.name, first, second
        )

    def _says_so(self, mention: Mention, name: str, first: _Asked, second: _Asked) -> bool:
        names = ("beside", "left of", "right of") if name == "beside" else (name,)
        straight = mention.name in names and first.is_at(mention.subject) and second.is_at(mention.object)
        inverse = mention.name in map(_INVERSE.__getitem__, names)
        return straight or (inverse and second.is_at(mention.subject) and first.is_at(mention.object))

    def _placed(self, name: str, first: _Asked, second: _Asked) -> bool:
        """Whether places in the frame fulfil the relation."""
        pairs = [
            (_row_column(a), _row_column(b))
            for one in first.among(self.reading.sightings)
            for other in second.among(self.reading.sightings)
            for a in one.places
            for b in other.places
        ]
        return any(_stands(name, here, there) for here, there in pairs)

    def _relation_said(self, relation: Relation) -> str:
        first, second = (self.request.things[at] for at in (relation.first, relation.second))
        name = relation.name if relation.name != "other" else second.link
        return f"{_phrase(first)} {name} {_phrase(second)}"


def _joined(things: Sequence[Thing]) -> Iterator[Thing]:
    """The objects, where "a red, glossy apple" was taken for two, with what belongs to the second in its place."""
    waiting: tuple[str, ...] = ()
    determiner = ""
    for thing in things:
        if is_adjective(thing.noun):
            waiting, determiner = (*waiting, *thing.modifiers, thing.noun), determiner or thing.determiner
            yield thing
        else:
            yield replace(thing, modifiers=waiting + thing.modifiers, determiner=thing.determiner or determiner)
            waiting, determiner = (), ""


def _text_faults(request: str, prompt: str, locked: Sequence[str]) -> Iterator[Fault]:
    for text in locked_texts(request, locked):
        if _plainly(text) not in _plainly(prompt):
            yield Fault("locked", text)


def _added_style(request: str, prompt: str) -> Iterator[Fault]:
    asked = {stem(word) for word in re.findall(r"[\w-]+", request)}
    for word in dict.fromkeys(re.findall(r"[\w-]+", prompt.lower())):
        if word in STYLE_WORDS and stem(word) not in asked:
            yield Fault("style", word)


def _verbatim(request: str, prompt: str) -> bool:
    """Whether the whole request stands in the prompt, word for word."""
    return re.search(rf"(?<!\w){re.escape(_plainly(request))}(?!\w)", _plainly(prompt)) is not None


def _plainly(text: str) -> str:
    return " ".join(text.casefold().split())


def _asked_number(thing: Thing) -> int | None:
    """How many are asked for; "a dog" asks for one, "dogs" for no number."""
    if thing.count is not None:
        return thing.count
    return 1 if thing.determiner.lower() in ARTICLES and not is_plural(thing.noun.lower()) else None


def _phrase(thing: Thing) -> str:
    return " ".join(part for part in (thing.determiner, *thing.modifiers, thing.noun) if part)


def _count_said(thing: Thing, number: int) -> str:
    noun = thing.noun if number == 1 or is_plural(thing.noun.lower()) else plural(thing.noun)
    return f"exactly {number} {' '.join((*thing.modifiers, noun))}"


def _row_column(place: str) -> tuple[int, int]:
    at = PLACES.index(place)
    return at // 3, at % 3


def _stands(name: str, here: tuple[int, int], there: tuple[int, int]) -> bool:
    down, right = here[0] - there[0], here[1] - there[1]
    return {"left of": right < 0, "right of": right > 0, "above": down < 0, "below": down > 0}.get(name, here != there)
