"""DPG-Bench (arXiv 2403.05135) and DSG-1k: a CSV file with one question a row, and the numbers of those it needs.

Columns: item_id, text, keywords, proposition_id, dependency (numbers, 0 for none), category_broad, category_detailed,
tuple, question_natural_language. The rows of an item stand together or not; its text is that of its first row.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from limner.agents.lists.entries import (
    LONGEST_QUESTION,
    MOST_QUESTIONS,
    BadRow,
    Entry,
    Row,
    object_of,
    once,
    text_of,
    whole,
)
from limner.errors import QueryError
from limner.types import Question, QuestionKind

ASKED = "question_natural_language"
COLUMNS = ("item_id", "text", "proposition_id", "dependency", ASKED)
"""Columns without which nothing can be asked."""


def rows(path: Path) -> Iterator[Row]:
    """One item each: a mapping `items` of its CSV rows."""
    items: dict[str, tuple[int, list[tuple[int, Mapping[str, Any]]]]] = {}
    reader = csv.DictReader(io.StringIO(whole(path), newline=""), strict=True)
    try:
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise QueryError(
                f"{path}, line 1 lacks the columns {', '.join(missing)}; DPG-Bench's dpg_bench.csv has them."
            )
        line = 2
        for row in reader:
            items.setdefault(str(row["item_id"]), (line, []))[1].append((line, row))
            line = reader.line_num + 1
    except csv.Error as error:
        raise QueryError(f"{path}, line {reader.line_num} is no CSV: {error}. Fetch the file again.") from error
    for first, several in items.values():
        yield Row(first, {"items": several})


def entry(value: Any) -> Entry:
    """An item as a request with its questions, parents first."""
    several = object_of(value)["items"]
    if len(several) > MOST_QUESTIONS:
        raise BadRow(f"an item has {len(several)} questions; at most {MOST_QUESTIONS} are taken")
    texts: dict[int, str] = {}
    for line, row in several:
        number = _number(row["proposition_id"], line)
        if number in texts:
            raise BadRow(f"proposition_id {number} stands twice in its item", line)
        texts[number] = text_of(row, ASKED, longest=LONGEST_QUESTION)
    needs = {_number(row["proposition_id"], line): _needs(row, line, texts) for line, row in several}
    kinds = {_number(row["proposition_id"], line): _kind(row) for line, row in several}
    try:
        order = list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        raise BadRow(f"questions need each other in a circle: {error.args[1]}") from error
    questions = [Question(texts[n], kinds[n], tuple(dict.fromkeys(texts[m] for m in needs[n]))) for n in order]
    return Entry(text_of(several[0][1], "text"), once(questions))


def _needs(row: Mapping[str, Any], line: int, texts: Mapping[int, str]) -> list[int]:
    numbers = [_number(part, line) for part in str(row["dependency"] or "0").split(",")]
    for number in numbers:
        if number and number not in texts:
            raise BadRow(f"the question depends on {number}, which its item does not have", line)
    return [number for number in numbers if number]


def _number(text: Any, line: int) -> int:
    try:
        number = float(str(text).strip() or "nan")  # pandas writes 1 as 1.0
        if number != int(number) or number < 0:
            raise ValueError
    except (ValueError, OverflowError):
        raise BadRow(f"{text!r:.60} is no number of a question", line) from None
    return int(number)


def _kind(row: Mapping[str, Any]) -> QuestionKind:
    broad, detailed = (str(row.get(name) or "").strip().lower() for name in ("category_broad", "category_detailed"))
    if "count" in detailed:
        return "count"
    if broad == "attribute":
        return "size" if "size" in detailed else "attribute"
    if broad == "entity":
        return "attribute" if "state" in detailed else "exists"
    return "relation" if broad == "relation" else "other"
