"""Whether a prompt shows what a directive asks for, whoever wrote it: how the critic reads professional prompts.

Each function looks at a `Sight`, a prompt beside the request that it answers, and says yes only where the request
leaves room for the feature, so that a feature that cannot matter for a request never speaks for or against a
directive.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from limner.agents.nouns import Request, Thing
from limner.agents.parser import parse
from limner.agents.wording import POETIC, RARE
from limner.agents.words import ARTICLES, NUMBERS, SIZE_OF
from limner.types import Prompt, Query


@dataclass(frozen=True, slots=True)
class Sight:
    """A prompt beside its request, both taken apart; `text` is the prompt in lower case."""

    raw: str
    text: str
    prompt: Request
    query: Request

    @classmethod
    def of(cls, prompt: Prompt, query: Query) -> Sight:
        """Look at a prompt."""
        return cls(prompt.text, prompt.text.lower(), parse(prompt.text), parse(query.text))

    @property
    def things(self) -> tuple[Thing, ...]:
        """What the prompt shows."""
        return self.prompt.things


Feature = Callable[[Sight], bool]


def says(*marks: str) -> Feature:
    """Any of these phrases is in the prompt as whole words and was not in the request."""
    found = re.compile(r"\b(?:" + "|".join(re.escape(mark) for mark in marks) + r")\b")
    return lambda sight: bool(found.search(sight.text)) and not found.search(sight.query.text.lower())


def own_clauses(sight: Sight) -> bool:
    """Two objects or more, none joined to another by a word."""
    return len(sight.things) > 1 and all(not thing.link[:1].isalpha() for thing in sight.things[1:])


def joined_by_and(sight: Sight) -> bool:
    """Two objects or more, all joined by "and"."""
    return len(sight.things) > 1 and all(thing.link.lower() == "and" for thing in sight.things[1:])


def parted_by(mark: str) -> Feature:
    """The prompt's parts, two or more, are divided by a mark: the ranking is line, semicolon, full stop, comma."""
    ranking = ("\n", ";", ".", ",")
    higher = ranking[: ranking.index(mark)]

    def parted(sight: Sight) -> bool:
        inner = sight.raw.strip().rstrip(".")
        return _has(inner, mark) and not any(_has(inner, other) for other in higher)

    return parted


def _has(text: str, mark: str) -> bool:
    return bool(re.search(r"\.\s", text)) if mark == "." else mark in text


def one_sentence(sight: Sight) -> bool:
    """Objects said in one run of words: no chatter, no divided parts, no phrase about manner."""
    divided = any(_has(sight.raw.strip().rstrip("."), mark) for mark in ("\n", ";", ".", ":"))
    added = len(sight.prompt.manner) > len(sight.query.manner)
    return bool(sight.things) and not (divided or added or sight.prompt.lead)


def counted_apart(sight: Sight) -> bool:
    """Objects that the request counts stand one by one."""
    asked = sum(thing.count or 1 for thing in sight.query.things)
    several = any((thing.count or 1) > 1 for thing in sight.query.things)
    return several and len(sight.things) >= asked > 0 and all((thing.count or 1) == 1 for thing in sight.things)


def counts_in_words(sight: Sight) -> bool:
    """Numbers above one are words."""
    return any(word in NUMBERS and NUMBERS[word] > 1 for word in _determiners(sight))


def counts_in_digits(sight: Sight) -> bool:
    """Numbers above one are digits."""
    return any(word.isdigit() and word != "1" for word in _determiners(sight))


def _determiners(sight: Sight) -> list[str]:
    return [word for thing in sight.things for word in thing.determiner.lower().split()]


def sized(size: str) -> Feature:
    """Every object has a size, this one was added somewhere, and the request left some object without."""

    def shows(sight: Sight) -> bool:
        missing = any(thing.size is None for thing in sight.query.things)
        all_sized = bool(sight.things) and all(thing.size for thing in sight.things)
        return missing and all_sized and any(thing.size == size for thing in sight.things)

    return shows


def all_placed(sight: Sight) -> bool:
    """Every object has a place in the frame, and the request left some object without."""
    missing = any(not thing.places for thing in sight.query.things)
    return missing and bool(sight.things) and all(thing.places for thing in sight.things)


def place_before(sight: Sight) -> bool:
    """Some place is named before its object: "top left: a dog"."""
    return bool(re.search(r"\b(?:top|bottom|left|right|center|centre|middle)\s*:\s*\w", sight.text))


def ground_said(colour: str | None = None) -> Feature:
    """A ground (of this colour) is named though the request names none."""

    def shows(sight: Sight) -> bool:
        ground = sight.prompt.ground
        return sight.query.ground is None and ground is not None and colour in (None, ground.colour)

    return shows


def with_articles(sight: Sight) -> bool:
    """Every object that is not counted begins with a or an, and the request left one out."""
    return any(t.determiner.lower() not in ARTICLES for t in sight.query.things) and _all_begin(sight, ARTICLES)


def without_articles(sight: Sight) -> bool:
    """No object begins with an article, and in the request one did."""
    had = any(thing.determiner.lower() in ("a", "an", "the") for thing in sight.query.things)
    return (
        had and bool(sight.things) and not any(t.determiner.lower() in ("a", "an", "the", "one") for t in sight.things)
    )


def begun_with_one(sight: Sight) -> bool:
    """Some object begins with "one", which the request did not say."""
    asked = any(thing.determiner.lower() == "one" for thing in sight.query.things)
    return not asked and any(thing.determiner.lower() == "one" for thing in sight.things)


def _all_begin(sight: Sight, determiners: frozenset[str]) -> bool:
    single = [thing for thing in sight.things if (thing.count or 1) == 1]
    return bool(single) and all(thing.determiner.lower() in determiners for thing in single)


def without_chatter(sight: Sight) -> bool:
    """The request has chatter before it comes to the point, the prompt has none."""
    return bool(sight.query.lead) and not sight.prompt.lead


def quality_before(sight: Sight) -> bool:
    """The prompt opens with a phrase about how it is drawn."""
    if not sight.prompt.manner:
        return False
    first = sight.prompt.manner[0].lower()
    return sight.text.removeprefix(sight.prompt.lead.lower()).lstrip().startswith(first) and bool(sight.things)


def shortened(sight: Sight) -> bool:
    """Fewer words than the request, and no article."""
    words = len(sight.text.split())
    return words < len(sight.query.text.split()) and not any(
        thing.determiner.lower() in ARTICLES for thing in sight.things
    )


def rare_words(sight: Sight) -> bool:
    """A less common word stands where the request has a common one."""
    asked = set(sight.query.text.lower().split())
    words = set(re.findall(r"\w+", sight.text)) - asked
    return any(rare in words and common in asked for common, rare in RARE.items()) or (
        any(rare in words and common in SIZE_OF for common, rare in RARE.items())
    )


poetic = says(*POETIC)


def said_twice(sight: Sight) -> bool:
    """The first object is named once more at the end of what is shown."""
    return "mainly" in sight.text.split() and "mainly" not in sight.query.text.lower().split()


def reversed_order(sight: Sight) -> bool:
    """The objects stand in the reverse of the order asked."""
    asked = [thing.noun.lower() for thing in sight.query.things]
    order = [thing.noun.lower() for thing in sight.things]
    return len(set(asked)) > 1 and order == asked[::-1] and order != asked


def in_capitals(sight: Sight) -> bool:
    """The whole prompt is in capital letters."""
    return sight.raw.isupper() and not sight.query.text.isupper()


def bracketed(sight: Sight) -> bool:
    """Something stands in brackets that did not in the request."""
    return "(" in sight.raw and "(" not in sight.query.text


def a_question(sight: Sight) -> bool:
    """The prompt is a question and the request was none."""
    return sight.raw.rstrip().endswith("?") and not sight.query.text.rstrip().endswith("?")
