"""A pipeline of diffusers as a folder of ONNX networks, checked against torch before it is handed over.

The pipeline draws twice, with other prompts, sizes and numbers of pictures. Its calls say what to export, and which
dimensions vary; every network must then give torch's results for calls that it was not traced with.
"""

from __future__ import annotations

import importlib.metadata
import shutil
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch

from limner.errors import GenerationError, StorageError, UsageError
from limner.generation import generator
from limner.generation.diffusers_generator import DiffusersGenerator
from limner.generation.onnx_calls import Call, method, noted, put_together, taken_apart
from limner.generation.onnx_folder import MANIFEST, NETWORK, WEIGHTS, Manifest, Part
from limner.generation.onnx_modules import PROVIDERS, Network, need
from limner.quiet import quiet
from limner.types import Failure, Picture, Prompt, Recipe

OPSET = 17
"""The first with LayerNormalization; later ones drew no faster."""
MOST_DEVIATION = 1e-3
"""Largest difference from torch, over torch's largest value, at which a network passes; 1e-6 is usual."""
ONE_FILE = 1_800_000_000
"""Bytes of weights up to which a network is one file (protobuf ends at 2 GB)."""
CLOSE = 2 / 255
"""How far a value of a picture may be from torch's."""
_KEPT = {"safety_checker"}
"""Networks that stay with torch: what they do beside tensor arithmetic cannot be exported."""
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
    """The folder with all that a pipeline needs; for any size if the networks can, else for the model's own."""
    own = _size(source)
    with quiet():
        try:
            parts = _exported(source, folder, _calls(source, own, (2 * own[0], own[1])), say)
            size = None
        except GenerationError as error:
            say(f"Not for any size ({error}); trying again for {own[0]}x{own[1]} alone.")
            shutil.rmtree(folder, ignore_errors=True)
            size = _size(source, whole=True)
            parts = _exported(source, folder, _calls(source, size, size), say)
    versions = {name: importlib.metadata.version(name) for name in ("limner", "torch", "diffusers", "transformers")}
    manifest = Manifest(source=source.identity, versions=versions, size=size, parts=parts)
    shutil.copytree(source.folder, folder, ignore=_ignored(source.folder, parts), dirs_exist_ok=True)
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return manifest


def _size(source: DiffusersGenerator, *, whole: bool = False) -> tuple[int, int]:
    """The model's own width and height; of large ones half, since the calls are the same and cost a quarter."""
    (picture,) = _drawn(source, [Recipe(Prompt(_PROMPTS[0]), 0, steps=2)])
    width, height = picture.image().size
    return (width, height) if whole or width * height <= _SMALL else (width // 2, height // 2)


def _calls(source: DiffusersGenerator, *sizes: tuple[int, int]) -> dict[str, list[Call]]:
    """How the pipeline calls its networks for one picture of the first size, and for two of the second."""
    with noted({name: one for name, one in source.networks.items() if name not in _KEPT}) as calls:
        for count, (width, height) in enumerate(sizes, 1):
            _drawn(source, [Recipe(Prompt(text), 0, width, height, steps=2) for text in _PROMPTS[:count]])
    return {part: called for part, called in calls.items() if called}


def _drawn(model: Any, recipes: Sequence[Recipe]) -> list[Picture]:
    drawn = model.generate(recipes)
    for item in drawn:
        if isinstance(item, Failure):
            raise GenerationError(f"{model.identity} did not draw: {item.reason}")
    return list(drawn)


def _exported(
    source: DiffusersGenerator, folder: Path, calls: Mapping[str, list[Call]], say: Callable[[str], None]
) -> dict[str, Part]:
    parts = {}
    for part, called in calls.items():
        say(f"Exporting {part} ...")
        (folder / part).mkdir(parents=True, exist_ok=True)
        _one_way(part, called)
        _save(_Traced(source.networks[part], part, called[-1]), called, folder / part)
        files = {path.name: path.stat().st_size for path in (folder / part).iterdir()}
        entry = Part(arguments=called[0].arguments, results=called[0].results, files=files, deviation=0.0)
        deviation = _deviation(Network(folder / part / NETWORK, entry, None, PROVIDERS["cpu"]), called)
        if not deviation <= MOST_DEVIATION:
            raise GenerationError(f"{part} differs from torch by {deviation:.1e} of its largest value")
        parts[part] = entry.model_copy(update={"deviation": deviation})
    return parts


def _one_way(part: str, calls: Sequence[Call]) -> None:
    """See that the pipeline has one way to call a network, since a file holds one."""
    if any((one.arguments, one.results) != (calls[0].arguments, calls[0].results) for one in calls):
        raise GenerationError(f"the pipeline calls its {part} with settings that change from call to call")


def _save(traced: _Traced, calls: Sequence[Call], folder: Path) -> None:
    """Trace the network with its last call; the dimensions in which calls differ stay open.

    The exporter is torch's older one: on the embedded painter it took 2 s where the one built on torch.export took 23,
    for files that run equally fast.
    """
    last = calls[-1]
    inputs = {name: _floating(name, one) for name, one in last.inputs.items()}
    axes = {
        name: {place: f"{name}.{place}" for place in range(one.dim()) if len(_lengths(calls, name, place)) > 1}
        for name, one in last.inputs.items()
    }
    size = sum(one.numel() * one.element_size() for one in traced.state_dict().values())
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        target = folder / NETWORK if size <= ONE_FILE else Path(scratch) / NETWORK
        try:
            torch.onnx.export(
                traced,
                tuple(inputs.values()),
                str(target),
                input_names=list(inputs),
                output_names=list(last.outputs),
                dynamic_axes=axes,
                opset_version=OPSET,
                dynamo=False,
            )
        except Exception as error:
            raise GenerationError(f"torch does not export {folder.name}: {error}") from error
        if size > ONE_FILE:
            _bundled(target, folder / NETWORK)


def _bundled(scattered: Path, target: Path) -> None:
    """A network whose weights the exporter may have left in hundreds of files, as two."""
    onnx = need("onnx")
    onnx.save_model(
        onnx.load(str(scattered)), str(target), save_as_external_data=True, all_tensors_to_one_file=True,
        location=WEIGHTS, size_threshold=1024,
    )  # fmt: skip


def _lengths(calls: Sequence[Call], name: str, place: int) -> set[int]:
    return {call.inputs[name].shape[place] for call in calls}


def _floating(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """Steps as floats, because some schedulers count in them."""
    return tensor if name != "timestep" else tensor.float()


def _deviation(network: Network, calls: Sequence[Call]) -> float:
    """The largest difference from torch over torch's largest value; calls at both ends, where settings differ most."""
    worst = 0.0
    for call in {id(call): call for call in (*calls[:2], *calls[-2:])}.values():
        arguments = put_together(call.arguments, call.inputs)
        _, found = taken_apart(network(arguments), "out")
        for name, wanted in call.outputs.items():
            if found[name].shape != wanted.shape:
                raise GenerationError(f"a result has shape {tuple(found[name].shape)}, not {tuple(wanted.shape)}")
            most = max(float(wanted.abs().max()), 1e-6)
            worst = max(worst, float((found[name] - wanted).abs().max()) / most)
    return worst


def _ignored(folder: Path, parts: Mapping[str, Part]) -> Callable[[str, list[str]], set[str]]:
    """What is not copied: weights of exported networks, in any format, and whatever belongs to no component."""

    def ignored(where: str, names: list[str]) -> set[str]:
        if Path(where) == folder:
            return {name for name in names if name.startswith(".") or Path(name).suffix in _LEFT}
        if Path(where).relative_to(folder).parts[0] in parts:
            return {name for name in names if not name.endswith(".json") or name.endswith(".index.json")}
        return set()

    return ignored


class _Traced(torch.nn.Module):
    """A network as the exporter wants it: tensors in, tensors out, everything else as it was in one call."""

    def __init__(self, network: Any, part: str, call: Call) -> None:
        super().__init__()
        self.network, self.method, self.call = network, method(part), call
        self.eval()  # the exporter puts back the mode that it finds, here and in the network

    def forward(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        arguments = put_together(self.call.arguments, dict(zip(self.call.inputs, tensors, strict=True)))
        _, results = taken_apart(getattr(self.network, self.method)(**arguments), "out")
        return tuple(results.values())
