"""Finished parts of a long benchmark: one JSON line each, written as the part ends, so that a stopped one goes on.

The first line says under what conditions the parts were measured; parts of other conditions never mix. Lines are
appended whole, so several processes may measure different parts of one file; a torn last line is forgotten.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from limner.errors import StorageError, UsageError

_log = logging.getLogger(__name__)


class Kept:
    """The parts in a file, by name."""

    def __init__(self, path: Path, conditions: dict[str, Any]) -> None:
        """Read what is there, or begin.

        Raises:
            UsageError: the file's parts were measured under other conditions.
            StorageError: the file cannot be read or written.
        """
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            rows = _rows(path)
        except OSError as error:
            raise StorageError(f"{path} cannot be read: {error}. Choose another folder with --out.") from error
        if not rows:
            self._append({"conditions": conditions})
        elif rows[0].get("conditions") != json.loads(json.dumps(conditions)):
            raise UsageError(
                f"{path} was measured under other conditions: {rows[0]}. Choose another folder with --out."
            )
        self._parts = {row["part"]: row["value"] for row in rows if "part" in row}

    def holds(self, name: str) -> bool:
        """Whether a part was measured already."""
        return name in self._parts

    def names(self) -> list[str]:
        """The parts that are there, in the order in which they ended."""
        return list(self._parts)

    def part(self, name: str, measured: Callable[[], Any]) -> Any:
        """The value of a part (plain JSON), measured now unless it is kept already."""
        if name not in self._parts:
            _log.info("%s", name)
            value = json.loads(json.dumps(measured()))
            self._append({"part": name, "value": value})
            self._parts[name] = value
        return self._parts[name]

    def _append(self, row: dict[str, Any]) -> None:
        try:
            with self._path.open("ab") as file:
                file.write(json.dumps(row).encode() + b"\n")
        except OSError as error:
            raise StorageError(f"{self._path} cannot be written: {error}. Free some space and begin again.") from error


def _rows(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a file; what follows the last line's end is cut off."""
    if not path.exists():
        return []
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        with path.open("rb+") as file:
            file.truncate(len(whole))
    return [json.loads(line) for line in whole.splitlines()]
