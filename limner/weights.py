"""What a local model is made of: the files in its folder and the hash that goes into its identity.

The hash covers weights, configuration and vocabulary, since each of them changes what the model says. Files are hashed
once in a process for each size and time of change.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path

SUFFIXES = frozenset({".safetensors", ".bin", ".pt", ".pth", ".gz", ".json", ".txt", ".model", ".jinja"})
"""Files that decide what a model does; read-me files, pictures and hidden folders do not."""


def model_files(path: Path) -> list[Path]:
    """The files that decide what the model at `path` does, in the order of their names; a file stands for itself."""
    if path.is_file():
        return [path]
    there = (file for file in path.rglob("*") if file.suffix in SUFFIXES and file.is_file())
    return sorted(file for file in there if not any(part.startswith(".") for part in file.relative_to(path).parts))


def model_hash(path: Path) -> str:
    """Twelve hex digits over names and contents of `model_files(path)`; moving a folder does not change them."""
    root = path.parent if path.is_file() else path
    return files_hash((file.relative_to(root).as_posix(), file) for file in model_files(path))


def files_hash(named: Iterable[tuple[str, Path]]) -> str:
    """Twelve hex digits over (name, content of the file) pairs in the order given."""
    whole = hashlib.sha256()
    for name, file in named:
        state = file.stat()
        whole.update(f"{name}\0{_content_hash(file.resolve(), state.st_size, state.st_mtime_ns)}\n".encode())
    return whole.hexdigest()[:12]


@functools.lru_cache(maxsize=4096)
def _content_hash(file: Path, _size: int, _changed: int) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
