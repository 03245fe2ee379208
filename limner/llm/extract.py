"""JSON objects in what a language model said: bare, fenced, amid prose, after thinking aloud, with a comma too many."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_THINKING = re.compile(r"<(think|thinking|reasoning)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_THOUGHT = re.compile(r"\A.*</(think|thinking|reasoning)>", re.DOTALL | re.IGNORECASE)
"""Some servers swallow the opening tag: everything up to the last closing one is thought."""
_STRING_OR_COMMA = re.compile(r'"(?:[^"\\]|\\.)*"|,(?=\s*[}\]])', re.DOTALL)
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}]', re.DOTALL)
_MOST_TRIES = 64
"""Opening braces that are tried; a reply full of stray ones is not worth more."""


def json_objects(text: str) -> Iterator[dict[str, Any]]:
    """The outermost JSON objects of a reply, in order."""
    text = _THOUGHT.sub("", _THINKING.sub("", text))
    start, tries = text.find("{"), 0
    while start >= 0 and tries < _MOST_TRIES:
        tries += 1
        end = _closing(text, start)
        value = None if end is None else _loads(text[start:end])
        if value is not None and end is not None:
            yield value
        start = text.find("{", end if value is not None and end is not None else start + 1)


def _closing(text: str, start: int) -> int | None:
    """The index after the brace that closes the one at `start`, braces in strings left out."""
    depth = 0
    for token in _TOKEN.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(token[0], 0)
        if depth == 0:
            return token.end()
    return None


def _loads(text: str) -> dict[str, Any] | None:
    for candidate in (text, _STRING_OR_COMMA.sub(lambda found: "" if found[0] == "," else found[0], text)):
        try:
            # Not strict: line breaks inside strings are common and harmless.
            value = json.loads(candidate, strict=False)
        except ValueError:
            continue
        if isinstance(value, dict):
            return value
    return None
