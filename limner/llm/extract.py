"""JSON objects in what a language model said: bare, fenced, amid prose, after thinking aloud, with a comma too many.

Every step takes time linear in the text, whatever the text is: replies are as hostile as the requests they answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

_THOUGHT_TAG = re.compile(r"<(/?)(?:think|thinking|thought|reasoning)>", re.IGNORECASE)
_STRING_OR_COMMA = re.compile(r'"(?:[^"\\]|\\.)*"|,(?=\s*[}\]])', re.DOTALL)
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}]', re.DOTALL)
_MOST_TRIES = 64
"""Opening braces that are tried; a reply full of stray ones is not worth more."""
_MOST_SCANNED = 2_000_000
"""Characters that are looked at in all those tries together: about half a second."""


def json_objects(text: str) -> Iterator[dict[str, Any]]:
    """The outermost JSON objects of a reply, in order."""
    text = said_aloud(text)
    most = max(1, min(_MOST_TRIES, _MOST_SCANNED // (len(text) + 1)))
    start, tries = text.find("{"), 0
    while start >= 0 and tries < most:
        tries += 1
        end = _closing(text, start)
        value = None if end is None else _loads(text[start:end])
        if value is not None and end is not None:
            yield value
        start = text.find("{", end if value is not None and end is not None else start + 1)


def said_aloud(text: str) -> str:
    """The text without its thinking. Some servers swallow the opening tag: then all before the closing one is thought.

    Thinking that never ends is left in, since an answer may stand in it.
    """
    kept: list[str] = []
    place, opened = 0, None
    for tag in _THOUGHT_TAG.finditer(text):
        if not tag[1]:
            opened = tag.start() if opened is None else opened
            continue
        kept = [] if opened is None else [*kept, text[place:opened]]
        place, opened = tag.end(), None
    return "".join([*kept, text[place:]])


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
            value = json.loads(candidate, strict=False, parse_constant=_no_number)
            json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text and could not be stored
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            return value
    return None


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
