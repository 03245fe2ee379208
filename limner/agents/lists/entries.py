"""What a question list holds: requests, each with its typed questions; and how a file of them is read, line by line.

Files come from strangers: sizes are bounded, every row is checked, and an error names the file and the line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from limner.agents.words import singular
from limner.errors import QueryError
from limner.types import Query, Question

MAX_FILE = 64_000_000
"""Bytes of a list that are read; the largest published one has a tenth."""
MOST_QUESTIONS = 200
"""Questions about one request."""
LONGEST_REQUEST, LONGEST_QUESTION = 2000, 500
"""Characters."""


class Row(NamedTuple):
    """A row of a file and the line that it begins on."""

    line: int
    value: Any


@dataclass(frozen=True, slots=True)
class Entry:
    """A request with its questions (none: somebody else shall ask) and what the list files it under."""

    text: str
    questions: tuple[Question, ...] = ()
    tag: str = ""


@dataclass(frozen=True, slots=True)
class QuestionList:
    """A benchmark's requests with their questions; `form` is the format that the file had."""

    form: str
    entries: tuple[Entry, ...]

    @property
    def texts(self) -> list[str]:
        """The requests, each once, in order."""
        return [entry.text for entry in self.entries]

    def questions(self, query: Query) -> tuple[Question, ...]:
        """The questions of a request of the list, as `QuestionScorer` wants them; none for others."""
        found = [entry.questions for entry in self.entries if entry.text == query.text]
        return found[0] if found else ()


class BadRow(Exception):
    """A row that cannot be used; the message says why, `line` where if not on the row's first line."""

    def __init__(self, message: str, line: int | None = None) -> None:
        """Keep the line beside the message."""
        super().__init__(message)
        self.line = line


def whole(path: Path) -> str:
    """The text of a file.

    Raises:
        QueryError: it cannot be read, is too large, or is not UTF-8.
    """
    try:
        if (size := path.stat().st_size) > MAX_FILE:
            raise QueryError(f"{path} has {size:,} bytes; at most {MAX_FILE:,} are read. Divide it.")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise QueryError(f"The question list {path} cannot be read: {error}. Give a UTF-8 file.") from error


def json_lines(path: Path) -> Iterator[Row]:
    """The objects of a JSON lines file."""
    for line, text in enumerate(whole(path).split("\n"), 1):
        if text.strip():
            try:
                yield Row(line, json.loads(text))
            except (ValueError, RecursionError) as error:
                raise QueryError(f"{path}, line {line} is no JSON: {error}.") from error


def json_items(path: Path) -> Iterator[Row]:
    """The items of a JSON list, each with the line on which it begins."""
    text, decoder, at = whole(path), json.JSONDecoder(), 0
    blank = re.compile(r"[\s,]*")
    opening = re.match(r"\s*\[", text)
    if opening is None:
        raise QueryError(f"{path}, line 1: a JSON list was expected.")
    at = opening.end()
    while True:
        between = blank.match(text, at)
        at = between.end() if between else at
        line = text.count("\n", 0, at) + 1
        if text[at : at + 1] == "]":
            return
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            raise QueryError(f"{path}, line {line} holds no JSON item: {error}. Fetch the file again.") from error
        yield Row(line, value)


def collected(path: Path, form: str, found: Iterable[tuple[int, Entry]]) -> QuestionList:
    """A list of entries, requests once each; see that there is one.

    Raises:
        QueryError: there is none.
    """
    entries: dict[str, Entry] = {}
    for _, entry in found:
        entries.setdefault(entry.text, entry)
    if not entries:
        raise QueryError(f"{path} holds no request. Is it the right file for the format {form!r}?")
    return QuestionList(form, tuple(entries.values()))


def text_of(row: Mapping[str, Any], key: str, *, longest: int = LONGEST_REQUEST) -> str:
    """A text of a row, on one line.

    Raises:
        BadRow: it is missing, no text, empty or too long.
    """
    value = row.get(key)
    if not isinstance(value, str):
        raise BadRow(f"{key!r} must be a text, got {value!r:.60}")
    return clean(value, key, longest)


def clean(value: str, what: str, longest: int) -> str:
    """A text on one line, neither empty nor too long."""
    words = " ".join(value.encode(errors="replace").decode().split())
    if not words or len(words) > longest:
        raise BadRow(f"{what!r} must have 1 to {longest} characters, has {len(words)}")
    return words


def object_of(value: Any) -> Mapping[str, Any]:
    """A JSON object.

    Raises:
        BadRow: it is something else.
    """
    if not isinstance(value, dict):
        raise BadRow(f"an object was expected, got {value!r:.60}")
    return value


def list_of(row: Mapping[str, Any], key: str) -> list[Any]:
    """A list of a row.

    Raises:
        BadRow: it is missing, no list, or too long.
    """
    value = row.get(key)
    if not isinstance(value, list) or len(value) > MOST_QUESTIONS:
        raise BadRow(f"{key!r} must be a list of at most {MOST_QUESTIONS}, got {value!r:.60}")
    return value


def once(questions: Sequence[Question]) -> tuple[Question, ...]:
    """Each question once."""
    return tuple({question.text: question for question in reversed(questions)}.values())[::-1]


def mentions(question: str, noun: str) -> bool:
    """Whether a question speaks of a noun, in singular or plural."""
    said, wanted = _stems(question), _stems(noun)
    return bool(wanted) and any(said[at : at + len(wanted)] == wanted for at in range(len(said)))


def _stems(text: str) -> list[str]:
    return [singular(word) for word in re.findall(r"[a-z0-9']+", text.lower())]
