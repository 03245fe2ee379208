"""A second wording of a yes/no question: where a model answers both differently, its answer is a guess.

By fixed rules, so that the same question is always asked again alike, and "yes" still means: as requested.
"""

from __future__ import annotations

import re

_PATTERNS = (
    (re.compile(r"(?:Is|Are) there (exactly |at least )?(.+)\?"), r"Does the picture show \1\2?"),
    (re.compile(r"Does the (?:image|picture) contain (.+)\?"), r"Can \1 be seen in the picture?"),
)


def again(question: str) -> str:
    """The same question in other words: existence and number turned round, all else as somebody's claim to check."""
    for pattern, other in _PATTERNS:
        if pattern.fullmatch(question):
            return pattern.sub(other, question)
    return f'Somebody who sees the picture is asked: "{question}" Should they say yes?'
