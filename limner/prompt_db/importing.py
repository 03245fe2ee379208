"""Reading prompts from JSON Lines: one record a line; a bad line is reported with its number and the rest goes on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from limner.errors import UsageError
from limner.prompt_db.records import PromptRecord

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Rejected(NamedTuple):
    """A line that holds no usable prompt, counted from 1, and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of a file's lines: newly stored, stored before, or rejected. Blank lines are not counted."""

    path: Path
    added: int
    known: int
    rejected: tuple[Rejected, ...]


def read_jsonl(path: Path) -> Iterator[PromptRecord | Rejected]:
    """Read a UTF-8 file line by line.

    Raises:
        UsageError: the file cannot be read.
    """
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                text = line.removeprefix(_BYTE_ORDER_MARK).strip() if number == 1 else line.strip()
                if text:
                    yield _read(number, text)
    except OSError as error:
        raise UsageError(f"cannot read prompts from {path}: {error.strerror}; give a JSON Lines file") from error


def _read(number: int, text: bytes) -> PromptRecord | Rejected:
    try:
        return PromptRecord.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        return Rejected(number, f"{where}: {first['msg']}" if where else first["msg"])
