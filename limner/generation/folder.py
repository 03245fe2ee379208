"""A folder in the diffusers layout, looked at before anything heavy is imported.

diffusers and transformers load some incomplete folders without a word: a missing tokenizer becomes one of two tokens,
missing weights become random ones. So what `model_index.json` names is checked here, file by file.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
from collections.abc import Iterator
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from limner.errors import UnknownModel, WeightsError

_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+")
_BLOB = re.compile(r"[0-9a-f]{64}")
_READ = {".safetensors", ".bin", ".json", ".txt", ".model", ".onnx", ".data"}
_TOKENIZER_FILES = ("tokenizer.json", "vocab.json", "vocab.txt", "spiece.model", "tokenizer.model")


class Defaults(BaseModel):
    """The folder's own settings for recipes that leave them open (`limner.json`); None leaves them to the pipeline."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: int | None = Field(default=None, ge=1)
    guidance: float | None = Field(default=None, ge=0)
    width: int | None = Field(default=None, ge=8)
    height: int | None = Field(default=None, ge=8)
    scheduler: str | None = None


def find(name: str) -> Path:
    """The folder of a pipeline given by path or hub id; a hub id is fetched into the Hugging Face cache.

    Raises:
        UnknownModel: neither a folder nor a hub id.
        WeightsError: the hub did not give it.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if not _HUB_ID.fullmatch(name):
        raise UnknownModel(f"No such folder: {name!r}. Name a folder with a model_index.json, or a hub id OWNER/MODEL.")
    from diffusers import DiffusionPipeline

    try:
        return Path(DiffusionPipeline.download(name))
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"Cannot fetch {name!r} from the hub, and there is no such folder here: {_first_line(error)}. Check the "
            "name and the network, or name a folder that holds it."
        ) from error


def check(folder: Path) -> None:
    """See that every file is there that `model_index.json` asks for.

    Raises:
        WeightsError: naming the file that is missing or broken.
    """
    for part, (_, kind) in components(folder).items():
        _check_part(folder / part, kind)


def components(folder: Path) -> dict[str, tuple[str, str]]:
    """The parts that the pipeline has, as {name: (library, class)}."""
    index = _read_json(folder / "model_index.json")
    pairs = {name: value for name, value in index.items() if isinstance(value, list) and len(value) == 2}
    return {name: (value[0], value[1]) for name, value in pairs.items() if value[1] is not None}


def pipeline_class(folder: Path) -> str:
    """The class of diffusers that the folder was saved from."""
    return str(_read_json(folder / "model_index.json").get("_class_name"))


def defaults(folder: Path) -> Defaults:
    """The folder's `limner.json`, where it has one.

    Raises:
        WeightsError: the file is not what it should be.
    """
    path = folder / "limner.json"
    if not path.exists():
        return Defaults()
    try:
        return Defaults.model_validate(_read_json(path))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise WeightsError(f"{path} is wrong at {first['loc'][0]!r}: {first['msg']}. Correct the file.") from error


def file_hash(path: Path) -> str:
    """SHA-256 of a file, as 64 hex digits; kept in the process by path, size and time of change."""
    stat = path.stat()
    return _file_hash(path, stat.st_size, stat.st_mtime_ns)


def content_hash(folder: Path) -> str:
    """Twelve hex digits of SHA-256 over names and contents of all files that decide what the pipeline draws.

    File hashes are kept in the process by path, size and time of change. The hub's cache names its files by SHA-256, so
    those are not read again.
    """
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.suffix in _READ and path.is_file()):
        total.update(f"{path.relative_to(folder).as_posix()}\0{file_hash(path)}\0".encode())
    return total.hexdigest()[:12]


def stored_numbers(part: Path) -> int | None:
    """How many numbers the part's safetensors files hold, or None where it has none; only headers are read.

    Raises:
        WeightsError: a file is cut off or not in the format.
    """
    files = sorted(part.glob("*.safetensors"))
    return sum(prod(shape) for path in files for shape in _shapes(path)) if files else None


def _check_part(part: Path, kind: str) -> None:
    if kind.endswith(("Tokenizer", "TokenizerFast")):
        _need_one(part, _TOKENIZER_FILES)
    elif kind.endswith("Scheduler"):
        _need_one(part, ("scheduler_config.json",))
    elif (part / "config.json").exists():
        _check_weights(part)
    elif not part.is_dir() or not any(part.iterdir()):
        raise WeightsError(
            f"{part} is missing, though model_index.json names it ({kind}). Fetch the whole folder again."
        )


def _check_weights(part: Path) -> None:
    for index in part.glob("*.index.json"):
        for shard in sorted(set(_read_json(index).get("weight_map", {}).values())):
            _need_one(part, (shard,))
    if (part / "model.onnx").exists():
        raise WeightsError(f"{part} holds a network for ONNX Runtime. Name the folder onnx:{part.parent}.")
    if stored_numbers(part) is None and not any(part.glob("*.bin")):
        raise WeightsError(f"{part} has a config.json but no weights (*.safetensors). Fetch the whole folder again.")


def _need_one(part: Path, names: tuple[str, ...]) -> None:
    if not any((part / name).is_file() for name in names):
        raise WeightsError(f"{part / names[0]} is missing. Fetch the whole folder again.")


def _shapes(path: Path) -> Iterator[list[int]]:
    """Shapes of the tensors in a safetensors file, after checking that all of their bytes are there."""
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else -1
        try:
            header: dict[str, Any] = json.loads(file.read(length)) if 0 <= length < path.stat().st_size else {}
        except ValueError:
            header = {}
    tensors = [entry for name, entry in header.items() if name != "__metadata__"]
    end = max((entry["data_offsets"][1] for entry in tensors), default=-1)
    if path.stat().st_size != 8 + length + end:
        raise WeightsError(f"{path} is cut off or not a safetensors file. Fetch it again.")
    return (entry["shape"] for entry in tensors)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise WeightsError(f"{path} is missing. Name a folder in the diffusers layout, or fetch it again.") from error
    except ValueError as error:
        raise WeightsError(f"{path} is not JSON ({error}). Fetch it again.") from error
    if not isinstance(content, dict):
        raise WeightsError(f"{path} is not a JSON object. Fetch it again.")
    return content


@lru_cache(maxsize=4096)
def _file_hash(path: Path, size: int, changed: int) -> str:
    """SHA-256 of a file; size and time of change are part of the cache's key alone."""
    if path.is_symlink() and _BLOB.fullmatch(name := path.readlink().name):
        return name
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
