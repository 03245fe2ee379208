"""The rule-based questioner: a request as atomic yes/no questions, by fixed wordings, nothing asked twice.

A thing whose noun occurs once is asked about bare ("Is there a circle?"), then colour, size, number and place each by
a question that needs that one; so a picture with a green circle gets its due. Where a noun occurs twice only the full
phrase tells the two apart, so it is asked whole ("Is there a small red circle?"). Colours shared by "black and white"
are one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from limner.agents.nouns import Relation, Request, Thing, is_colour
from limner.agents.parser import parse
from limner.agents.words import SIZE_OF, article, number_word, plural, singular
from limner.types import Query, Question

_ASKED_RELATIONS = ("left of", "right of", "above", "below")


@dataclass(frozen=True, slots=True)
class RuleQuestioner:
    """Asks about objects, colours, sizes, numbers, relations, places, the ground, and quality where it is asked for."""

    name: str = "directives"

    async def questions(self, query: Query) -> tuple[Question, ...]:
        """The questions of a request; none if it names nothing that can be asked about."""
        return ask(parse(query.text))


def ask(request: Request) -> tuple[Question, ...]:
    """The questions of a request that is taken apart, parents first."""
    nouns = Counter(_name(thing) for thing in request.things)
    once = [nouns[_name(thing)] == 1 for thing in request.things]
    asked = [
        *(q for thing, single in zip(request.things, once, strict=True) for q in _about(thing, single)),
        *(q for relation in request.relations for q in _relation(relation, request.things, once)),
    ]
    if request.ground is not None:
        asked.append(Question(f"Is the background {request.ground.colour}?", "ground"))
    if request.asks_quality:
        asked.append(Question("Is the picture drawn well?", "quality"))
    return tuple({question.text: question for question in asked}.values())


def _about(thing: Thing, single: bool) -> Iterator[Question]:
    """What is asked of one thing: existence, then what needs it."""
    exists = _exists(thing, single)
    needs = (exists.text,)
    yield exists
    if single and thing.colour:
        yield Question(f"Is the {_name(thing)} {thing.colour}?", "attribute", needs)
    if single and thing.size:
        yield Question(f"Is the {_phrase(thing, size=False)} {thing.size}?", "size", needs)
    if thing.count is not None:
        yield Question(_count(thing, single), "count", needs)
    for place in thing.places:
        yield Question(f"Is the {_phrase(thing, size=not single)} at the {place}?", "place", needs)


def _exists(thing: Thing, single: bool) -> Question:
    phrase = _name(thing) if single else _phrase(thing)
    return Question(f"Is there {article(phrase)} {phrase}?", "exists")


def _count(thing: Thing, single: bool) -> str:
    phrase = _phrase(thing, size=not single)
    if thing.count == 1:
        return f"Is there exactly one {phrase}?"
    *before, noun = phrase.split(" ")
    return f"Are there exactly {number_word(thing.count or 0)} {' '.join((*before, plural(noun)))}?"


def _relation(relation: Relation, things: tuple[Thing, ...], once: list[bool]) -> Iterator[Question]:
    if relation.name not in _ASKED_RELATIONS:
        return
    first, second = things[relation.first], things[relation.second]
    first_phrase = _phrase(first, size=not once[relation.first])
    second_phrase = _phrase(second, size=not once[relation.second])
    needs = tuple(
        dict.fromkeys(
            _exists(thing, once[at]).text for thing, at in ((first, relation.first), (second, relation.second))
        )
    )
    yield Question(f"Is the {first_phrase} {relation.name} the {second_phrase}?", "relation", needs)


def _name(thing: Thing) -> str:
    """The noun in the singular with the adjectives that are neither colour nor size: "wooden box"."""
    others = [word.lower() for word in thing.modifiers if not is_colour(word) and word.lower() not in SIZE_OF]
    return " ".join((*others, singular(thing.noun.lower())))


def _phrase(thing: Thing, *, size: bool = True) -> str:
    """Size, colour and name: "small red circle"."""
    said = (thing.size if size else None, thing.colour, _name(thing))
    return " ".join(part for part in said if part)
