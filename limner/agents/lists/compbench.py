"""T2I-CompBench and T2I-CompBench++ (arXiv 2307.06350): one text file a category, one request a line, no questions.

Its own scores come from a detector and a VQA model per category; here the run's questioner asks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from limner.agents.lists.entries import LONGEST_REQUEST, Entry, Row, clean, whole

CATEGORIES = ("color", "shape", "texture", "spatial", "3d_spatial", "non_spatial", "numeracy", "complex")
_NAME = re.compile(rf"({'|'.join(CATEGORIES)})(?:_train|_val)?(?:_\w+)?")


def category(path: Path) -> str | None:
    """The category that a file's name says; None where it says none."""
    found = _NAME.fullmatch(path.stem.lower())
    return found[1] if found and path.suffix == ".txt" else None


def rows(path: Path) -> Iterator[Row]:
    """One request a line."""
    tag = category(path) or ""
    for line, text in enumerate(whole(path).split("\n"), 1):
        if text.strip():
            yield Row(line, (text, tag))


def entry(value: Any) -> Entry:
    """A line as a request."""
    text, tag = value
    return Entry(clean(text, "request", LONGEST_REQUEST), (), tag)
