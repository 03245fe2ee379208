"""Instructions found in earlier runs, and the few that were imported: by id, under the directory of the sessions."""

from __future__ import annotations

import json
from pathlib import Path

from limner.errors import CorruptSession, UsageError
from limner.prompt_db import load_instruction, save_instruction
from limner.types import Instruction

FOLDER = "instructions"


def find_lineage(name: str, out: Path) -> tuple[Instruction, ...]:
    """The lineage of an instruction, from the start to itself.

    Args:
        name: a file of `limner instructions export` or a text file, a session (name or directory), or the id of an
            instruction.
        out: the directory of the sessions.

    Raises:
        UsageError: nothing goes by that name.
    """
    path = Path(name)
    if path.is_file():
        return load_instruction(path)
    for folder in (path, out / name):
        if (folder / "result.json").is_file():
            return _lineage_of(folder / "result.json")
    if (out / FOLDER / f"{name}.json").is_file():
        return load_instruction(out / FOLDER / f"{name}.json")
    for result in sorted(out.glob("*/result.json"), reverse=True):
        found = _ancestry(result, name)
        if found:
            return found
    raise UsageError(
        f"There is no instruction {name!r}: it is neither a file, nor a session under {out}, nor the id of an "
        "instruction of one. `limner instructions list` shows those that there are."
    )


def import_lineage(path: Path, out: Path) -> Path:
    """Keep an exported instruction under `out`, so that it is found by its id; returns its file.

    Raises:
        UsageError: the file is no exported instruction.
        StorageError: it cannot be kept.
    """
    lineage = load_instruction(path)
    kept = out / FOLDER / f"{lineage[-1].id}.json"
    save_instruction(kept, lineage)
    return kept


def every_instruction(out: Path) -> list[tuple[str, Instruction]]:
    """Where each known instruction comes from, and the best instruction there: imported files, then sessions."""
    imported = [("imported", load_instruction(path)[-1]) for path in sorted(out.glob(f"{FOLDER}/*.json"))]
    return imported + [(path.parent.name, _lineage_of(path)[-1]) for path in sorted(out.glob("*/result.json"))]


def _read(path: Path) -> dict[str, Instruction]:
    """Every instruction of a finished session by its id; the best one last."""
    try:
        row = json.loads(path.read_text())
        rows = [candidate["instruction"] for candidate in row["candidates"]] + row["lineage"]
        return {one["id"]: Instruction(one["text"], one["parent"], one["round"], one["reason"]) for one in rows}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptSession(f"{path} does not read back: {error!r}. Resume that session to write it anew.") from error


def _lineage_of(path: Path) -> tuple[Instruction, ...]:
    known = _read(path)
    best = json.loads(path.read_text())["instruction"]["id"]
    return _ancestry(path, best, known)


def _ancestry(path: Path, name: str, known: dict[str, Instruction] | None = None) -> tuple[Instruction, ...]:
    known = _read(path) if known is None else known
    line: list[Instruction] = []
    current: str | None = name
    while current is not None and current in known:
        line.append(known[current])
        current = line[-1].parent
    return tuple(reversed(line))
