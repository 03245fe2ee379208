"""The shipped queries of the embedded world, as agents and benchmarks meet them: an id and a text, nothing else."""

from __future__ import annotations

import json
from importlib.resources import files

from limner.errors import QueryError
from limner.types import Query

_FILE = "queries.json"


def queries(split: str) -> list[Query]:
    """The queries of a split: "search", "validation" or "held_out"."""
    stored = json.loads((files("limner.microworld") / "data" / _FILE).read_text(encoding="utf-8"))
    if split not in stored:
        raise QueryError(f"there are no queries of the split {split!r}: choose one of {', '.join(stored)}")
    return [Query(id=row["id"], text=row["text"]) for row in stored[split]]
