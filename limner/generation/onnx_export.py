"""A pipeline of diffusers as a folder of ONNX networks, checked against torch before it is handed over.

The pipeline draws twice, with other prompts, sizes and numbers of pictures. Its calls say what to export, and which
dimensions vary; every network must then give torch's results for calls that it was not traced with.
"""

from __future__ import annotations

import importlib.metadata
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from limner.errors import GenerationError, StorageError, UsageError
from limner.generation import generator
from limner.generation.diffusers_generator import DiffusersGenerator
from limner.generation.onnx_calls import Call, noted
from limner.generation.onnx_folder import MANIFEST, Manifest, Part
from limner.generation.onnx_modules import need
from limner.generation.onnx_trace import written
from limner.quiet import quiet
from limner.types import Failure, Picture, Prompt, Recipe

CLOSE = 2 / 255
"""How far a value of a picture may be from torch's."""
_KEPT = {"safety_checker"}
"""Networks that stay with torch: what they do beside tensor arithmetic cannot be exported."""
_MAIN = {"unet", "transformer"}
_SMALL = 256 * 256
_LEFT = {".safetensors", ".bin", ".ckpt", ".pt", ".png", ".jpg"}
"""Endings of large files at the top of many published folders, which no pipeline reads."""
_PROMPTS = ("a red circle", "two blue squares on a green ground, one above the other; high quality, sharp")


class Parity(NamedTuple):
    """How equal ONNX Runtime's pictures are to torch's: the share of values within 2/255, and the largest distance."""

    pictures: int
    within: float
    largest: float


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: the folder, its manifest, and the check of whole pictures (None where none were asked for)."""

    folder: Path
    manifest: Manifest
    parity: Parity | None


def export(model: str, out: Path, *, pictures: int = 2, say: Callable[[str], None] = lambda _: None) -> Exported:
    """Export the model of that name (`microworld`, `diffusers:ID|PATH`) to a new folder, and check it.

    `pictures` are drawn by both with the model's own settings and compared; `say` is told what is being done.

    Raises:
        UsageError: not a model of diffusers, the folder is there already, or a package is missing.
        GenerationError: the pipeline cannot be exported, or its networks do not give what torch gives.
        StorageError: the folder cannot be written.
    """
    need("onnx"), need("onnxruntime")
    source = generator(model, device="cpu", dtype="float32")
    if not isinstance(source, DiffusersGenerator):
        raise UsageError(f"{model!r} is no model that can be exported. Name `microworld` or `diffusers:ID|PATH`.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is there already. Name a folder that is not.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as beside:
            manifest = _written(source, Path(beside) / "new", say)
            (Path(beside) / "new").rename(out)
    except OSError as error:
        raise StorageError(f"Cannot write {out}: {error}. Choose another folder.") from error
    if not pictures:
        return Exported(out, manifest, None)
    say(f"Drawing {pictures} pictures with both ...")
    return Exported(out, manifest, compare(source, generator(f"onnx:{out}", device="cpu"), pictures))


def compare(torch_model: Any, onnx_model: Any, pictures: int) -> Parity:
    """Draw the same recipes with both models and compare their values.

    Raises:
        GenerationError: one of them does not draw.
    """
    import numpy as np

    recipes = [Recipe(Prompt(_PROMPTS[seed % len(_PROMPTS)]), seed) for seed in range(pictures)]
    ours, theirs = (
        np.stack([np.asarray(one.image(), np.int16) for one in _drawn(model, recipes)])
        for model in (onnx_model, torch_model)
    )
    far = np.abs(ours - theirs) / 255
    return Parity(pictures, float((far <= CLOSE + 1e-9).mean()), float(far.max()))


def _written(source: DiffusersGenerator, folder: Path, say: Callable[[str], None]) -> Manifest:
    """The folder with all that a pipeline needs; each network is made for as many calls as it can be."""
    with quiet():
        parts, reach = _exported(source, folder, say)
    versions = {name: importlib.metadata.version(name) for name in ("limner", "torch", "diffusers", "transformers")}
    manifest = Manifest(source=source.identity, versions=versions, size=reach.size, alone=reach.alone, parts=parts)
    shutil.copytree(source.folder, folder, ignore=_ignored(source.folder, parts), dirs_exist_ok=True)
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return manifest


@dataclass(frozen=True, slots=True)
class Reach:
    """For which calls a network is made: of one size alone, of one picture at a time (`alone`).

    `drawings` are the calls' numbers of pictures and their sizes; in what they differ, the network stays open.
    """

    drawings: tuple[tuple[int, tuple[int, int]], ...]
    size: tuple[int, int] | None = None
    alone: bool = False

    def __str__(self) -> str:
        """In words."""
        if self.size is None:
            return "any size and number of pictures"
        return f"{self.size[0]}x{self.size[1]} pixels alone{', one picture at a time' if self.alone else ''}"


def _any(source: DiffusersGenerator) -> Reach:
    own = _size(source)
    return Reach(((1, own), (2, (2 * own[0], own[1]))))


def _one_size(source: DiffusersGenerator) -> Reach:
    whole = _size(source, whole=True)
    return Reach(((1, whole), (2, whole)), whole)


def _one_picture(source: DiffusersGenerator) -> Reach:
    whole = _size(source, whole=True)
    return Reach(((1, whole), (1, whole)), whole, alone=True)


_REACHES = (_any, _one_size, _one_picture)
"""From the farthest to the nearest."""


class _Noted:
    """How the pipeline calls its networks at each reach, noted when that is first asked for."""

    def __init__(self, source: DiffusersGenerator) -> None:
        self._source = source
        self._known: dict[int, tuple[Reach, dict[str, list[Call]]]] = {}

    def at(self, place: int) -> tuple[Reach, dict[str, list[Call]]]:
        """The reach at this place in `_REACHES`, and its calls.

        Raises:
            GenerationError: the pipeline does not draw so.
        """
        if place not in self._known:
            reach = _REACHES[place](self._source)
            self._known[place] = reach, _calls(self._source, reach)
        return self._known[place]


def _exported(source: DiffusersGenerator, folder: Path, say: Callable[[str], None]) -> tuple[dict[str, Part], Reach]:
    """Every network at the farthest reach at which it can be exported, and the nearest of those."""
    noted, parts, nearest = _Noted(source), {}, 0
    names = list(noted.at(_drawable(noted))[1])
    for part in sorted(names, key=lambda name: name not in _MAIN):  # what decides, and fails oftenest, first
        parts[part], place = _farthest(source, part, noted, folder, say)
        nearest = max(nearest, place)
    return {name: parts[name] for name in names}, noted.at(nearest)[0]


def _drawable(noted: _Noted) -> int:
    """The farthest reach at which the pipeline draws."""
    for place in range(len(_REACHES) - 1):
        with suppress(GenerationError):
            noted.at(place)
            return place
    return len(_REACHES) - 1


def _farthest(
    source: DiffusersGenerator, part: str, noted: _Noted, folder: Path, say: Callable[[str], None]
) -> tuple[Part, int]:
    """A network at the farthest reach at which it can be exported, and the place of that."""
    problem = ""
    for place in range(len(_REACHES)):
        try:
            reach, calls = noted.at(place)
            say(f"Exporting {part} for {reach} ...")
            return written(source.networks[part], part, calls[part], folder / part), place
        except GenerationError as error:
            problem = str(error)
            say(f"Not so: {problem}.")
    raise GenerationError(
        f"{type(source.pipeline.pipe).__name__} cannot be drawn by ONNX Runtime: {problem}. Draw with "
        f"diffusers:{source.folder}."
    )


def _size(source: DiffusersGenerator, *, whole: bool = False) -> tuple[int, int]:
    """The model's own width and height; of large ones half, since the calls are the same and cost a quarter."""
    (picture,) = _drawn(source, [Recipe(Prompt(_PROMPTS[0]), 0, steps=2)])
    width, height = picture.image().size
    return (width, height) if whole or width * height <= _SMALL else (width // 2, height // 2)


def _calls(source: DiffusersGenerator, reach: Reach) -> dict[str, list[Call]]:
    """How the pipeline calls its networks in the drawings of a reach, each with other prompts."""
    with noted({name: one for name, one in source.networks.items() if name not in _KEPT}) as calls:
        for place, (count, (width, height)) in enumerate(reach.drawings):
            texts = [_PROMPTS[(place * place + one) % len(_PROMPTS)] for one in range(count)]
            _drawn(source, [Recipe(Prompt(text), 0, width, height, steps=2) for text in texts])
    return {part: called for part, called in calls.items() if called}


def _drawn(model: Any, recipes: Sequence[Recipe]) -> list[Picture]:
    drawn = model.generate(recipes)
    for item in drawn:
        if isinstance(item, Failure):
            raise GenerationError(f"{model.identity} did not draw: {item.reason}")
    return list(drawn)


def _ignored(folder: Path, parts: Mapping[str, Part]) -> Callable[[str, list[str]], set[str]]:
    """What is not copied: weights of exported networks, in any format, and whatever belongs to no component."""

    def ignored(where: str, names: list[str]) -> set[str]:
        if Path(where) == folder:
            return {name for name in names if name.startswith(".") or Path(name).suffix in _LEFT}
        if Path(where).relative_to(folder).parts[0] in parts:
            return {name for name in names if not name.endswith(".json") or name.endswith(".index.json")}
        return set()

    return ignored
