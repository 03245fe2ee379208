"""GenEval (arXiv 2310.11513): `evaluation_metadata.jsonl`, objects to include and exclude, as questions.

A row has `prompt`, `tag`, `include` and perhaps `exclude`, lists of objects with `class`, `count` and perhaps `color`
and `position` ([relation, place of the other object in `include`]). Where `exclude` forbids one more than was asked
for, the number is exact; elsewhere it is a least number, as the benchmark counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from limner.agents.lists.entries import (
    LONGEST_QUESTION,
    BadRow,
    Entry,
    Row,
    json_lines,
    list_of,
    object_of,
    once,
    text_of,
)
from limner.agents.words import article, number_word, plural
from limner.types import Question

LARGEST = 1000
"""The largest number that anybody counts."""


def rows(path: Path) -> Iterator[Row]:
    """One object a line."""
    return json_lines(path)


def entry(value: Any) -> Entry:
    """A row as a request with its questions."""
    row = object_of(value)
    wanted = [object_of(one) for one in list_of(row, "include")]
    unwanted = [object_of(one) for one in list_of(row, "exclude")] if row.get("exclude") else []
    if not wanted:
        raise BadRow("'include' names no object")
    asked = [question for at in range(len(wanted)) for question in _about(wanted, at, unwanted)]
    asked += [_without(one) for one in unwanted if _name(one) not in {_name(other) for other in wanted}]
    return Entry(text_of(row, "prompt"), once(asked), text_of(row, "tag") if "tag" in row else "")


def _about(wanted: Sequence[Mapping[str, Any]], at: int, unwanted: Sequence[Mapping[str, Any]]) -> Iterator[Question]:
    thing = wanted[at]
    name, count = _name(thing), _count(thing)
    exists = _exists(wanted, at)
    yield exists
    needs = (exists.text,)
    if count > 1 or any(_name(one) == name for one in unwanted):
        forbidden = [_count(one) for one in unwanted if _name(one) == name]
        yield Question(_number(name, count, exact=count + 1 in forbidden), "count", needs)
    if "color" in thing and not _twice(wanted, at):
        yield Question(f"Is the {name} {text_of(thing, 'color', longest=LONGEST_QUESTION)}?", "attribute", needs)
    if thing.get("position") is not None:
        relation, other = _position(thing, len(wanted), at)
        both = (exists.text, _exists(wanted, other).text)
        yield Question(f"Is the {name} {relation} the {_name(wanted[other])}?", "relation", both)


def _exists(wanted: Sequence[Mapping[str, Any]], at: int) -> Question:
    """By its colour, too, where two objects of a class are told apart by nothing else."""
    phrase = _name(wanted[at])
    if _twice(wanted, at) and "color" in wanted[at]:
        phrase = f"{text_of(wanted[at], 'color', longest=LONGEST_QUESTION)} {phrase}"
    return Question(f"Is there {article(phrase)} {phrase}?", "exists")


def _twice(wanted: Sequence[Mapping[str, Any]], at: int) -> bool:
    return sum(_name(one) == _name(wanted[at]) for one in wanted) > 1


def _number(name: str, count: int, *, exact: bool) -> str:
    how = "exactly" if exact else "at least"
    if count == 1:
        return f"Is there {how} one {name}?"
    return f"Are there {how} {number_word(count)} {_plural(name)}?"


def _without(thing: Mapping[str, Any]) -> Question:
    count = _count(thing)
    if count == 1:
        return Question(f"Is the picture without any {_name(thing)}?", "count")
    return Question(f"Are there fewer than {number_word(count)} {_plural(_name(thing))}?", "count")


def _plural(name: str) -> str:
    *before, noun = name.split(" ")
    return " ".join((*before, plural(noun)))


def _name(thing: Mapping[str, Any]) -> str:
    return text_of(thing, "class", longest=LONGEST_QUESTION)


def _count(thing: Mapping[str, Any]) -> int:
    count = thing.get("count", 1)
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= LARGEST:
        raise BadRow(f"'count' must be a number from 1 to {LARGEST}, got {count!r:.60}")
    return count


def _position(thing: Mapping[str, Any], objects: int, at: int) -> tuple[str, int]:
    match thing["position"]:
        case [str(relation), int(other)] if 0 <= other < objects and other != at and relation.strip():
            return relation.strip()[:LONGEST_QUESTION], other
    raise BadRow(f"'position' must be [relation, place of another object], got {thing['position']!r:.60}")
