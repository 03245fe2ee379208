"""Question lists of benchmarks, read from the user's own files in the formats in which they are published."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from limner.agents.lists import compbench, conceptmix, dpg, geneval, geneval2
from limner.agents.lists.entries import BadRow, Entry, QuestionList, collected, whole
from limner.errors import QueryError

__all__ = ["FORMATS", "Entry", "QuestionList", "format_of", "question_list"]

FORMATS: dict[str, ModuleType] = {
    "geneval": geneval,
    "geneval2": geneval2,
    "conceptmix": conceptmix,
    "dpg-bench": dpg,
    "t2i-compbench": compbench,
}
"""A format's module has `rows(path)`, the rows of a file with their lines, and `entry(row)`."""


def question_list(path: str | Path, form: str | None = None) -> QuestionList:
    """Read a benchmark's requests with their questions.

    Args:
        path: the file as its authors published it.
        form: one of `FORMATS`; found out from the file unless given.

    Raises:
        QueryError: no such format, or the file or a line of it cannot be used.
    """
    file = Path(path)
    form = form or format_of(file)
    if form not in FORMATS:
        raise QueryError(
            f"{file} is of no known format ({form}); known are {', '.join(FORMATS)}. Plain requests go one to a line."
        )
    module = FORMATS[form]
    return collected(file, form, _entries(file, module))


def _entries(path: Path, module: ModuleType) -> Iterator[tuple[int, Entry]]:
    for line, value in module.rows(path):
        try:
            yield line, module.entry(value)
        except BadRow as error:
            raise QueryError(f"{path}, line {error.line or line}: {error}.") from error


def format_of(path: Path) -> str | None:
    """The benchmark format that a file has, by its name and its first row; None where it is none of them."""
    if path.suffix == ".csv":
        return "dpg-bench"
    if path.suffix == ".txt":
        return "t2i-compbench" if compbench.category(path) else None
    start = whole(path).lstrip() if path.suffix in (".json", ".jsonl") else ""
    if path.suffix == ".json" and start.startswith("["):
        return "conceptmix"
    try:
        first = json.loads(start.partition("\n")[0])
    except (ValueError, RecursionError):
        return None
    keys = first.keys() if isinstance(first, dict) else ()
    return "geneval2" if "vqa_list" in keys else "geneval" if {"include", "prompt"} <= set(keys) else None
