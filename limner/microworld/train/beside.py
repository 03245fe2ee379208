"""What a training keeps beside its checkpoints: files and folders that are there whole or not at all.

They are written beside their place and renamed, so that a run that is stopped at any moment finds on resuming either
nothing and makes it again, or all of it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from limner.errors import UsageError


def replace(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file by `write(beside)` and put it in its place."""
    fresh = path.with_name(f"{path.name}.new")
    if fresh.is_dir():
        shutil.rmtree(fresh)
    path.parent.mkdir(parents=True, exist_ok=True)
    write(fresh)
    os.replace(fresh, path)


def once(path: Path, write: Callable[[Path], object]) -> Path:
    """The file or folder at `path`, made by `write(beside)` unless it stands there."""
    if not path.exists():
        replace(path, write)
    return path


def copied(source: Path, folder: Path) -> Path:
    """A copy of a folder, made once: the source may be replaced later."""
    return once(folder, lambda fresh: shutil.copytree(source, fresh))


def array(path: Path, make: Callable[[], NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """The array of a `.npy` file, made unless it stands there."""

    def write(fresh: Path) -> None:
        made = make()
        with fresh.open("wb") as stream:  # given a name, numpy would put its own ending behind it
            np.save(stream, made)

    kept: NDArray[np.uint8] = np.load(once(path, write))
    return kept


def hold(folder: Path, seed: int) -> None:
    """Hold a model's folder to the seed that it was begun with; what is kept there goes with no other.

    Raises:
        UsageError: the folder was begun with another seed, or before seeds were written down.
    """
    record, go_on = folder / "seed", f"name another folder with --out, or remove {folder} to begin anew."
    if not record.exists() and any(folder.glob("*.pt")):
        raise UsageError(f"{folder} was begun without saying with which seed: write it into {record}, {go_on}")
    once(record, lambda fresh: fresh.write_text(f"{seed}\n", encoding="utf-8"))
    begun = record.read_text(encoding="utf-8").strip()
    if begun != str(seed):
        raise UsageError(f"{folder} was begun with seed {begun}, not {seed}: go on with --seed {begun}, {go_on}")
