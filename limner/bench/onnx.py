"""`limner bench onnx`: what ONNX Runtime saves on a CPU, end to end, for the embedded painter.

Both generators draw the same recipes, PNG files included, in turn and with one thread each; the speed-up of a number of
pictures is the median of torch's seconds over ONNX Runtime's within each pair. One picture at a time, as somebody who
waits for it draws, gains most: in batches torch's own overhead matters less.
"""

from __future__ import annotations

import logging
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from limner.bench.conditions import conditions
from limner.protocols import Generator
from limner.types import Failure, Prompt, Recipe

PAIRS = 9
BATCHES = (1, 4, 16)
PROMPT = "a small red circle at the top left and a large blue square; high quality"
TARGET = 1.4
WITHIN = 0.999

_log = logging.getLogger(__name__)


def measure(*, quick: bool = False) -> dict[str, Any]:
    """Measure `speedup` (one picture at a time), `by_batch`, and how equal the pictures are (`within_2_of_255`)."""
    import torch

    from limner.generation import generator
    from limner.generation.onnx_export import compare, export

    batches, pairs = ((1, 2), 1) if quick else (BATCHES, PAIRS)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            exported = export("microworld", Path(folder) / "painter", pictures=0)
            models = generator("microworld", device="cpu"), generator(f"onnx:{exported.folder}", device="cpu")
            by_batch = {str(size): _paired(models, size, pairs) for size in batches}
            parity = compare(*models, 2 if quick else 32)
        speedup = by_batch["1"]["speedup"]
        return {
            "speedup": speedup,
            "by_batch": by_batch,
            "within_2_of_255": parity.within,
            "largest": parity.largest,
            "targets": {
                "speedup": {"value": speedup, "at": "least", "target": TARGET, "met": speedup >= TARGET},
                "within_2_of_255": {
                    "value": parity.within, "at": "least", "target": WITHIN, "met": parity.within >= WITHIN
                },
            },
            **_conditions(batches, pairs, quick),
        }  # fmt: skip
    finally:
        torch.set_num_threads(threads)


def _paired(models: tuple[Generator, Generator], size: int, pairs: int) -> dict[str, Any]:
    """Seconds per picture of both and the median of their ratios, drawing `size` pictures at once."""
    rows: list[tuple[float, ...]] = []
    for number in range(pairs + 1):
        recipes = [Recipe(Prompt(PROMPT), number * size + i) for i in range(size)]
        rows.append(tuple(_seconds(model, recipes) / size for model in models))
    rows = rows[1:]  # the first pair loads the weights
    _log.info("%d at once: torch %.3f s, ONNX Runtime %.3f s a picture", size, *map(median, zip(*rows, strict=True)))
    slow, fast = (median(column) for column in zip(*rows, strict=True))
    return {
        "speedup": median(torch_s / onnx_s for torch_s, onnx_s in rows),
        "ratios": [torch_s / onnx_s for torch_s, onnx_s in rows],
        "torch_seconds": slow,
        "onnx_seconds": fast,
    }


def _seconds(model: Generator, recipes: list[Recipe]) -> float:
    began = time.perf_counter()
    drawn = model.generate(recipes)
    took = time.perf_counter() - began
    if failed := [item for item in drawn if isinstance(item, Failure)]:
        raise RuntimeError(f"{model.identity} did not draw: {failed[0].reason}")
    return took


def _conditions(batches: tuple[int, ...], pairs: int, quick: bool) -> dict[str, Any]:
    from importlib.metadata import version

    largest = max(batches) * (pairs + 1)
    said = conditions(seeds=list(range(largest)), pictures=2 * sum(batches) * (pairs + 1), quick=quick)
    return {**said, "versions": {**said["versions"], "onnxruntime": version("onnxruntime")}}
