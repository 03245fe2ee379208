"""A folder of ONNX networks in the diffusers layout: what stands in it, and whether it is whole.

It is the pipeline's folder with `model.onnx` in place of each network's weights, and `onnx.json`, which says how each
is called. Schedulers, tokenizers and settings are the originals.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from limner.errors import UsageError, WeightsError

MANIFEST = "onnx.json"
NETWORK = "model.onnx"
WEIGHTS = "model.onnx.data"
"""Where the weights of a network stand that is too large for one ONNX file."""
VERSION = 2


class Part(BaseModel):
    """One exported network: how it is called, its files by name with their sizes, and how far it was off.

    `deviation`: the largest difference from torch in the calls checked, over torch's largest value.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    arguments: dict[str, Any]
    results: dict[str, Any]
    files: dict[str, int]
    deviation: float


class Manifest(BaseModel):
    """What `onnx.json` says.

    `size`: the only width and height in pixels that the networks can draw, or None where any will do. `alone`: whether
    they draw one picture at a time. `source`: identity of the model that was exported.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int = VERSION
    source: str
    versions: dict[str, str]
    size: tuple[int, int] | None
    alone: bool
    parts: dict[str, Part]


def read(folder: Path) -> Manifest:
    """The folder's manifest, after a look at every file that it names.

    Raises:
        UsageError: not a folder that `limner export-onnx` wrote.
        WeightsError: a file is missing or cut off, or the manifest is of another version.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise UsageError(f"{folder} has no {MANIFEST}. Make such a folder with `limner export-onnx MODEL {folder}`.")
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise WeightsError(f"{path} is wrong at {first['loc']}: {first['msg']}. Export the model again.") from error
    if manifest.version != VERSION:
        raise WeightsError(f"{path} has version {manifest.version}, and {VERSION} is read. Export the model again.")
    for part, entry in manifest.parts.items():
        _check(folder / part, entry.files)
    return manifest


def _check(part: Path, files: Mapping[str, int]) -> None:
    for name, size in files.items():
        if Path(name).name != name or not (part / name).is_file():
            raise WeightsError(f"{part / name} is missing. Export the model again.")
        if (found := (part / name).stat().st_size) != size:
            raise WeightsError(f"{part / name} has {found} bytes instead of {size}. Export the model again.")
