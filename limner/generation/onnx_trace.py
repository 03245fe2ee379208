"""One network as an ONNX file, by whichever of torch's two exporters can, checked against torch.

The older one traces: on the embedded painter it takes 2 s where the newer, built on torch.export, takes 23, for files
that run equally fast. The newer knows more: operators like RMSNorm, and shapes that tracing freezes.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from limner.errors import GenerationError, WeightsError
from limner.generation.onnx_calls import Call, method, put_together, taken_apart
from limner.generation.onnx_folder import NETWORK, WEIGHTS, Part
from limner.generation.onnx_modules import PROVIDERS, Network, need

OPSET = 17
"""The first with LayerNormalization; later ones drew no faster."""
NEWER_OPSET = 18
"""The first that the newer exporter writes."""
MOST_DEVIATION = 1e-3
"""Largest difference from torch, over torch's largest value, at which a network passes; 1e-6 is usual."""
ONE_FILE = 1_800_000_000
"""Bytes of weights up to which a network is one file (protobuf ends at 2 GB)."""


def written(network: Any, part: str, calls: Sequence[Call], folder: Path) -> Part:
    """Write a network for these calls; the dimensions in which they differ stay open.

    Raises:
        GenerationError: no exporter's file gives what torch gave, saying why for each.
    """
    _check_one_way(part, calls)
    problems = []
    for name, save in (("the older exporter", _trace), ("the newer one", _capture)):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            with _silence(), torch.no_grad():
                save(_Traced(network, part, calls[-1]), calls, folder)
            return _checked(part, calls, folder)
        except (GenerationError, WeightsError, ValueError) as error:
            problems.append(f"{name}: {_short(error)}")
    shutil.rmtree(folder)
    raise GenerationError(f"torch does not export {part} ({'; '.join(problems)})")


def _check_one_way(part: str, calls: Sequence[Call]) -> None:
    """See that the pipeline has one way to call a network, since a file holds one."""
    if any((one.arguments, one.results) != (calls[0].arguments, calls[0].results) for one in calls):
        raise GenerationError(f"the pipeline calls its {part} with settings that change from call to call")


def _checked(part: str, calls: Sequence[Call], folder: Path) -> Part:
    files = {path.name: path.stat().st_size for path in folder.iterdir()}
    entry = Part(arguments=calls[0].arguments, results=calls[0].results, files=files, deviation=0.0)
    deviation = _deviation(Network(folder / NETWORK, entry, None, PROVIDERS["cpu"]), calls)
    if not deviation <= MOST_DEVIATION:
        raise GenerationError(f"{part} differs from torch by {deviation:.1e} of its largest value")
    return entry.model_copy(update={"deviation": deviation})


def _trace(network: _Traced, calls: Sequence[Call], folder: Path) -> None:
    last, size = calls[-1], _bytes(network)
    inputs = {name: _floating(name, one) for name, one in last.inputs.items()}
    axes = {name: {place: f"{name}.{place}" for place in _open(calls, name)} for name in inputs}
    with tempfile.TemporaryDirectory() as scratch:
        target = folder / NETWORK if size <= ONE_FILE else Path(scratch) / NETWORK
        try:
            torch.onnx.export(
                network,
                tuple(inputs.values()),
                str(target),
                input_names=list(inputs),
                output_names=list(last.outputs),
                dynamic_axes=axes,
                opset_version=OPSET,
                dynamo=False,
            )
        except Exception as error:
            raise GenerationError(str(error)) from error
        if size > ONE_FILE:
            _bundled(target, folder / NETWORK)


def _capture(network: _Traced, calls: Sequence[Call], folder: Path) -> None:
    try:
        need("onnxscript")
    except Exception as error:
        raise GenerationError(str(error)) from error
    last = calls[-1]
    inputs = {name: _floating(name, one) for name, one in last.inputs.items()}
    shapes = tuple(dict.fromkeys(_open(calls, name), torch.export.Dim.DYNAMIC) for name in inputs)
    try:
        program = torch.onnx.export(
            network,
            tuple(inputs.values()),
            input_names=list(inputs),
            output_names=list(last.outputs),
            dynamic_shapes=(shapes,),
            opset_version=NEWER_OPSET,
            dynamo=True,
            verbose=False,
        )
        assert program is not None
        program.save(str(folder / NETWORK), external_data=_bytes(network) > ONE_FILE)
    except Exception as error:
        raise GenerationError(str(error)) from error


def _bundled(scattered: Path, target: Path) -> None:
    """A network whose weights the exporter may have left in hundreds of files, as two."""
    onnx = need("onnx")
    onnx.save_model(
        onnx.load(str(scattered)), str(target), save_as_external_data=True, all_tensors_to_one_file=True,
        location=WEIGHTS, size_threshold=1024,
    )  # fmt: skip


def _bytes(network: torch.nn.Module) -> int:
    return sum(one.numel() * one.element_size() for one in network.state_dict().values())


def _open(calls: Sequence[Call], name: str) -> list[int]:
    """The dimensions of an input in which the calls differ."""
    dimensions = range(calls[-1].inputs[name].dim())
    return [place for place in dimensions if len({call.inputs[name].shape[place] for call in calls}) > 1]


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


def _short(error: Exception) -> str:
    """What an exporter's message comes to: its summary where it has one, else its first line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    summary = next((place for place, line in enumerate(lines) if line.endswith("Exception summary")), -1)
    return (lines[summary + 1] if lines else type(error).__name__)[:200]


@contextmanager
def _silence() -> Iterator[None]:
    """No warnings, no log lines, and no graphs printed on stdout, which the older exporter does when it fails."""
    exporters, printing = logging.getLogger("torch.onnx"), "_jit_onnx_log"
    level, prints = exporters.level, getattr(torch._C, printing)
    exporters.setLevel(logging.CRITICAL)
    setattr(torch._C, printing, lambda *_: None)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        exporters.setLevel(level)
        setattr(torch._C, printing, prints)


class _Traced(torch.nn.Module):
    """A network as the exporters want it: tensors in, tensors out, everything else as it was in one call."""

    def __init__(self, network: Any, part: str, call: Call) -> None:
        super().__init__()
        self.network, self.method, self.call = network, method(part), call
        self.eval()  # the exporter puts back the mode that it finds, here and in the network

    def forward(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        named: Mapping[str, torch.Tensor] = dict(zip(self.call.inputs, tensors, strict=True))
        arguments = put_together(self.call.arguments, named)
        _, results = taken_apart(getattr(self.network, self.method)(**arguments), "out")
        return tuple(results.values())
