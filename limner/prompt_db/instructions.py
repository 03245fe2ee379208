"""Instructions as files: what `limner instructions export` writes and `import` reads.

A file is JSON, {"limner": 1, "instruction": {...}}: the instruction with its lineage, the ancestors from the start on.
Ids are hashes of texts and are checked on reading, so a text that was edited by hand is noticed, not trusted. A file
whose name ends in .txt is the instruction's text and no more, for other tools or from a person's own hand.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from limner.errors import StorageError, UsageError
from limner.types import Instruction

PLAIN_TEXT = ".txt"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Ancestor(_Strict):
    """One generation; `parent` is an id, outside the file for the first of a lineage at most."""

    id: str
    text: str = Field(min_length=1)
    parent: str | None = None
    round: int = Field(default=0, ge=0)
    reason: str = ""

    def instruction(self) -> Instruction:
        return Instruction(self.text, self.parent, self.round, self.reason)

    @model_validator(mode="after")
    def _named_by_its_text(self) -> Self:
        if self.instruction().id != self.id:
            ours = self.instruction().id
            raise ValueError(f"the text of {self.id} was changed: its id would be {ours}; undo the edit or set that id")
        return self


class _Exported(_Ancestor):
    lineage: tuple[_Ancestor, ...] = ()

    def generations(self) -> tuple[_Ancestor, ...]:
        return (*self.lineage, self)

    @model_validator(mode="after")
    def _one_line_of_descent(self) -> Self:
        generations = self.generations()
        for older, younger in pairwise(generations):
            if younger.parent != older.id:
                raise ValueError(f"{younger.id} follows {older.id} in the lineage but its parent is {younger.parent}")
        return self


class _File(_Strict):
    limner: Literal[1]
    instruction: _Exported


def save_instruction(path: Path | str, lineage: Sequence[Instruction]) -> None:
    """Write the last instruction of a lineage (from the start to itself) with its ancestors; an old file is replaced.

    Raises:
        UsageError: the lineage is empty or no line of descent.
        StorageError: the file cannot be written; an old one is left as it was.
    """
    generations = [_as_json(instruction) for instruction in lineage]
    if not generations:
        raise UsageError(f"there is no instruction to write to {path}; give a lineage of at least one")
    content = {"limner": 1, "instruction": {**generations[-1], "lineage": generations[:-1]}}
    try:
        _File.model_validate_json(json.dumps(content))
    except ValidationError as error:
        raise UsageError(f"cannot export the instruction to {path}: {_first(error)}") from error
    plain = Path(path).suffix.lower() == PLAIN_TEXT
    _replace(Path(path), (lineage[-1].text if plain else json.dumps(content, indent=2, ensure_ascii=False)) + "\n")


def load_instruction(path: Path | str) -> tuple[Instruction, ...]:
    """Read a lineage, from the start to the instruction that was exported, which is the last.

    Raises:
        UsageError: the file cannot be read, is not an exported instruction, or was changed.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        message = (
            f"cannot read an instruction from {path}: {error.strerror}; give a file of `limner instructions export`"
        )
        raise UsageError(message) from error
    if Path(path).suffix.lower() == PLAIN_TEXT:
        return (_plain(path, content),)
    try:
        exported = _File.model_validate_json(content)
    except ValidationError as error:
        raise UsageError(f"{path} is not an exported instruction: {_first(error)}") from error
    return tuple(generation.instruction() for generation in exported.instruction.generations())


def _plain(path: Path | str, content: bytes) -> Instruction:
    try:
        text = content.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no text in UTF-8 ({error}); give the instruction in plain English") from error
    if not text:
        raise UsageError(f"{path} is empty; give the instruction in plain English")
    return Instruction(text)


def _as_json(instruction: Instruction) -> dict[str, str | int | None]:
    return {
        "id": instruction.id,
        "text": instruction.text,
        "parent": instruction.parent,
        "round": instruction.round,
        "reason": instruction.reason,
    }


def _first(error: ValidationError) -> str:
    """The first complaint, with the place in the file."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]


def _replace(path: Path, text: str) -> None:
    """Write beside the target and rename, so that no reader ever sees half a file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(beside, path)
        except BaseException:
            os.unlink(beside)
            raise
    except OSError as error:
        message = f"cannot write the instruction to {path}: {error.strerror}; check free space and permissions"
        raise StorageError(message) from error
