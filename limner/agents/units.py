"""Cuts a request into units: chatter, words, links between objects, relations, places of the frame, and the ground.

One pass of one regular expression whose alternatives stand in order of precedence, so that "to the left of a dog" is a
relation, "to the left" a place, and "left shoe" two words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from limner.agents.words import COLOURS, COUNT_OF, DETERMINERS

UnitKind = Literal["chatter", "word", "link", "relation", "place", "ground"]
RelationName = Literal["left of", "right of", "above", "below", "beside", "other"]


@dataclass(frozen=True, slots=True)
class Unit:
    """A piece of a request: its kind, the words as said, and for places and grounds what they mean."""

    kind: UnitKind
    words: str
    meaning: str = ""


_FRAME = r"(?:the\s+|this\s+)?(?:picture|image|frame|canvas|page|scene|drawing)"
_NAME = (
    r"(?:(?:top|upper|bottom|lower)(?:[\s-]+(?:left|right|center|centre|middle))?"
    r"|(?:middle|center|centre)(?:[\s-]+(?:left|right|top|bottom))?|(?:left|right)(?:[\s-]+(?:middle|center|centre))?)"
)
_PART = rf"(?:[\s-]+hand)?(?:\s+(?:corner|edge|side|half|part|third|area))?(?:\s+of\s+{_FRAME})?"
_COMPOUND = r"(?:(?:top|upper|bottom|lower|middle|center|centre)[\s-]+(?:left|right|center|centre|middle))"
_PLACE = (
    rf"\b(?:at|in|on|to|towards|near)\s+(?:the\s+)?(?:very\s+|far\s+|exact\s+)?{_NAME}{_PART}\b(?!\s+of\b|[\s-]+\w*(?:most)\b)"
    rf"|\b{_COMPOUND}{_PART}\b(?!\s+of\b)|\b{_NAME}{_PART}(?=\s*:)"
)
_COLOUR = "|".join(sorted(COLOURS, key=len, reverse=True))
_SHADE = r"(?:(?:light|dark|pale|bright|deep)\s+)?"
_FLAT = r"(?:(?:plain|solid|simple|flat|pure|clean|uniform|even)\s+)*"
_GROUND = (
    rf"\b(?:(?:and\s+|with\s+)?(?:on|against|over|with|in\s+front\s+of)\s+)?(?:(?:a|an|the)\s+)?{_FLAT}"
    rf"(?P<ground_a>{_SHADE}(?:{_COLOUR}))\s+(?:background|backdrop|ground)\b"
    rf"|\b(?:(?:and|with)\s+)?(?:the\s+|a\s+)?(?:background|backdrop)\s*(?:(?:is|should\s+be|colou?r|in)\s+|[:=]\s*)*{_FLAT}"
    rf"(?P<ground_b>{_SHADE}(?:{_COLOUR}))\b"
    rf"|\b(?:on|against)\s+{_FLAT}(?P<ground_c>{_SHADE}(?:{_COLOUR}))(?=\s*(?:$|[.,;:\n!?]|\b(?:with|and|please)\b))"
)
_LEADER = "|".join(sorted(DETERMINERS | COUNT_OF.keys(), key=len, reverse=True))
_RELATION = (
    rf"\b(?:(?:to|on|at)\s+)?(?:the\s+)?(?:left|right)(?:[\s-]+hand)?(?:\s+side)?\s+of\b(?!\s+{_FRAME}\b)"
    r"|\b(?:on\s+top\s+of|in\s+front\s+of|next\s+to|close\s+to|above|over|below|beneath|underneath|under|behind|beside|near"
    r"|between|around)\b"
)
_PREPOSITION = rf"\b(?:on|in|at|inside|against)\b(?=\s+(?:{_LEADER}|\d+)\s)(?!\s+the\s+style\b)"
_LINK = (
    r"(?:[,;:+&\n]|\.(?!\d))\s*(?:(?:and|plus|with)\b(?!\s+\w+ing\b))?"
    r"|\b(?:as\s+well\s+as|along\s+with|together\s+with|and|plus|with)\b"
)
_CHATTER = (
    r"(?<=[,;.\n]\s)(?:(?:please\s+)?(?:draw|show|make|give|paint)(?:\s+(?:me|us))?|something\s+with|just|there\s+should\s+be"
    r"|i\s+(?:want|need|would\s+like)|(?:can|could)\s+you\s+draw|(?:a\s+|an\s+)?(?:picture|image|drawing)\s+of)\b"
)
_WORD = r"[^\s,;:+&.(){}\[\]\"!?]+(?:\.\d+)?"
_UNIT = re.compile(
    rf"(?P<chatter>{_CHATTER})|(?P<ground>{_GROUND})|(?P<relation>{_RELATION})|(?P<place>{_PLACE})|(?P<preposition>{_PREPOSITION})|(?P<link>{_LINK})"
    rf"|(?P<word>{_WORD})",
    re.IGNORECASE,
)
_MEANS: tuple[tuple[RelationName, str], ...] = (
    ("left of", r"left"),
    ("right of", r"right"),
    ("above", r"above|over|on top of"),
    ("below", r"below|beneath|underneath|under"),
    ("beside", r"next to|close to|beside|near"),
)


def units(text: str) -> Iterator[Unit]:
    """The units of a text in order; brackets and quotation marks are passed over."""
    for match in _UNIT.finditer(text):
        kind = match.lastgroup
        words = " ".join(match[0].split()) or match[0]
        if kind == "ground":
            colour = match["ground_a"] or match["ground_b"] or match["ground_c"]
            yield Unit("ground", words, " ".join(colour.lower().split()))
        elif kind == "place":
            yield Unit("place", words, place_meant(words))
        elif kind in ("relation", "preposition"):
            yield Unit("relation", words)
        else:
            yield Unit("chatter" if kind == "chatter" else "link" if kind == "link" else "word", words)


def place_meant(words: str) -> str:
    """Which of the nine places is meant: "in the upper left corner" is "top left"."""
    said = words.lower()
    vertical = "top" if re.search("top|upper", said) else "bottom" if re.search("bottom|lower", said) else ""
    horizontal = re.search("left|right", said)
    return " ".join(part for part in (vertical, horizontal[0] if horizontal else "") if part) or "center"


def relation_meant(words: str) -> RelationName:
    """Which relation is meant; `other` for those that say nothing about places in a frame."""
    said = " ".join(words.lower().split())
    for name, pattern in _MEANS:
        if re.search(rf"\b(?:{pattern})\b", said):
            return name
    return "other"
