"""The queries of a run: read, checked, and divided so that nothing is judged on what it was fitted to."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from limner.agents.lists import QuestionList, format_of, question_list
from limner.errors import QueryError
from limner.graph.deps import QuerySets, derive
from limner.types import Query

LONGEST = 2000
"""Characters of a query. Longer than any image model reads; a longer one is a mistake, such as a file's content."""
FEWEST = 12
"""Below this many queries a division would leave nothing to judge on: all phases use all queries, with other seeds."""
SEARCH_SHARE, VALIDATION_SHARE = 0.5, 0.2
TEXT_KEYS = ("query", "text", "prompt")

FEW_NOTE = (
    "With fewer than {fewest} queries all were used to search, to choose and to report, each time with other picture "
    "seeds: the figures say how well the instruction does on these queries, not on new ones."
)


def checked(texts: Iterable[str]) -> list[Query]:
    """Queries from texts, each once, in order.

    Raises:
        QueryError: none at all, an empty one, one longer than `LONGEST` characters, or what is no text.
    """
    if isinstance(texts, str):
        raise QueryError(f"The queries are one text, {texts[:60]!r}. Give a list of texts, of one if need be.")
    queries: dict[str, Query] = {}
    for number, text in enumerate(texts, 1):
        words = _usable(number, text)
        queries.setdefault(words, Query.of(words))
    if not queries:
        raise QueryError("There are no queries. Give some as arguments, or a file with --queries.")
    return list(queries.values())


def _usable(number: int, text: object) -> str:
    if not isinstance(text, str):
        raise QueryError(f"Query {number} is no text: {text!r}. Say in words what the picture shall show.")
    words = tidied(text)
    if not words:
        raise QueryError(f"Query {number} is empty. Say what the picture shall show.")
    if len(words) > LONGEST:
        raise QueryError(
            f"Query {number} has {len(words):,} characters ({words[:60]!r}...); at most {LONGEST:,} are allowed. "
            "Shorten it; a file of queries is given with --queries."
        )
    if any("\ud800" <= letter <= "\udfff" for letter in words):
        raise QueryError(f"Query {number} is no Unicode text: {words[:60]!r}. Give it in UTF-8.")
    return words


def tidied(text: str) -> str:
    """The text on one line, without spaces to spare."""
    return " ".join(text.split())


def queries_of(path: Path, form: str | None = None) -> QuestionList | list[str]:
    """A file of queries: a benchmark's question list, as which it is recognised or named, or else plain texts.

    Raises:
        QueryError: the file cannot be read, or a line of it.
    """
    found = form or format_of(path)
    return question_list(path, found) if found else read_queries(path)


def read_queries(path: Path) -> list[str]:
    """Texts of a file: one query a line, or JSON lines (.jsonl) with one of the keys query, text, prompt.

    Raises:
        QueryError: the file cannot be read, or a line of it.
    """
    try:
        # Not splitlines: it splits at signs, too, that JSON allows within a text.
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise QueryError(f"The queries in {path} cannot be read: {error}. Give a UTF-8 text file.") from error
    numbered = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    if path.suffix == ".jsonl":
        return [_from_json(path, number, line) for number, line in numbered]
    return [line for _, line in numbered]


def _from_json(path: Path, number: int, line: str) -> str:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise QueryError(f"{path}, line {number} is no JSON: {error}.") from error
    found = [row[key] for key in TEXT_KEYS if isinstance(row, dict) and isinstance(row.get(key), str)]
    if not found:
        raise QueryError(f"{path}, line {number} has none of the keys {', '.join(TEXT_KEYS)}: {line[:80]!r}.")
    return str(found[0])


def listed(found: QuestionList, seed: int) -> tuple[QuerySets, list[str]]:
    """Divide the requests of a question list; their questions go with them."""
    queries = checked(found.texts)
    sets, notes = divided(queries, seed)
    asked = {query.id: found.questions(query) for query in queries}
    return replace(sets, asked={name: questions for name, questions in asked.items() if questions}), notes


def divided(queries: Sequence[Query], seed: int) -> tuple[QuerySets, list[str]]:
    """Divide queries into search, validation and held-out; also what must be said about the division."""
    if len(queries) < FEWEST:
        every = tuple(queries)
        return QuerySets(every, every, every), [FEW_NOTE.format(fewest=FEWEST)]
    order = random.Random(derive(seed, "division")).sample(list(queries), len(queries))
    first = round(SEARCH_SHARE * len(order))
    second = first + round(VALIDATION_SHARE * len(order))
    return QuerySets(tuple(order[:first]), tuple(order[first:second]), tuple(order[second:])), []
