"""From people's text to full-text queries: every word is data, so FTS5's operators and quotes in it do nothing."""

from __future__ import annotations

import math
import re
import unicodedata

MOST_WORDS = 64
"""Longer texts are matched by their first words: more would not tell prompts apart and slows the search."""

LEAST_SHARE = 0.75
"""Share of a request's content words that a prompt must hold to count as written for something like it.

In a request of up to three content words each may be the subject ("small red circle"), so all must be there; from
four on one in four may be missing, for requests say things that prompts put otherwise. At one half, "red square" would
answer "red circle".
"""

_WORD = re.compile(r"\w+")

_EMPTY = frozenset(
    _WORD.findall(
        "a an and are as at be by can could create depict draw drawing for from generate give has have i image in into "
        "is it its like make me my of on one or paint picture please show showing some that the their there this to "
        "want which with would you"
    )
)
"""Words that a request holds whatever it is about."""


def words(text: str) -> list[str]:
    """The distinct words of a text in their order, at most `MOST_WORDS`.

    Lower case, not casefold, which spells out the sharp s that FTS5 keeps; composed, lest a loose accent cut a word.
    """
    found = _WORD.findall(unicodedata.normalize("NFC", text).lower())
    return list(dict.fromkeys(found))[:MOST_WORDS]


def content_words(text: str) -> list[str]:
    """Those words that say what the text is about."""
    return [word for word in words(text) if word not in _EMPTY]


def least_shared(count: int) -> int:
    """How many of `count` content words must be present."""
    return math.ceil(LEAST_SHARE * count)


def match_all(found: list[str]) -> str:
    """FTS5 expression: every word."""
    return " AND ".join(f'"{word}"' for word in found)


def match_any(found: list[str]) -> str:
    """FTS5 expression: at least one word."""
    return " OR ".join(f'"{word}"' for word in found)
