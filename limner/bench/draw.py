"""What our drawing costs beside the bare pipeline: the embedded painter, PNG, hash and record included.

The bare pipeline is called by hand at the batch size at which it is fastest, and its pictures are thrown away. Pairs
are interleaved and the median of their ratios counts, in wall time; process CPU time stands beside it, because a busy
machine disturbs wall time more.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from limner.bench.conditions import conditions
from limner.generation.diffusers_generator import DiffusersGenerator
from limner.ledger import Ledger, position, recorded
from limner.types import Prompt, Recipe

PAIRS, PICTURES = 9, 32
BATCHES = (8, 16, 32)
TARGETS = {"efficiency": 0.93, "efficiency_without_ledger": 0.99}
_PROMPT = "a big red circle at the top left, a big blue square at the bottom right, on white ground; high quality"


class Timing(NamedTuple):
    """Seconds of one way of drawing the same pictures."""

    wall: float
    cpu: float


def measure(*, quick: bool = False, sdxl: bool = False) -> dict[str, Any]:
    """Measure `efficiency` (through the ledger) and `efficiency_without_ledger`, both over the bare pipeline.

    `sdxl` adds batch scaling and memory of an SDXL-sized pipeline with random weights at 1024 pixels; it needs a GPU.
    """
    pairs, pictures = (1, 4) if quick else (PAIRS, PICTURES)
    folder = _painter()
    best = _best_batch(DiffusersGenerator(folder), (4,) if quick else BATCHES)
    model = DiffusersGenerator(folder, batch=best)
    _bare(model, _recipes(best, 10_000), best)
    rows = [_round(model, _recipes(pictures, 1000 * number), best) for number in range(pairs)]
    measured = {name: median(row["bare"].wall / row[way].wall for row in rows) for name, way in _WAYS.items()}
    cpu = {f"{name}_cpu": median(row["bare"].cpu / row[way].cpu for row in rows) for name, way in _WAYS.items()}
    return {
        **measured,
        **cpu,
        "pictures_per_second": {way: pictures / median(row[way].wall for row in rows) for way in rows[0]},
        "best_batch": best,
        "pairs": [{way: timing._asdict() for way, timing in row.items()} for row in rows],
        "targets": {name: _target(name, value) for name, value in measured.items()},
        "sdxl": _sdxl() if sdxl else None,
        **conditions(seeds=[1000 * number for number in range(pairs)], pictures=pairs * pictures * 3, quick=quick),
    }


_WAYS = {"efficiency": "recorded", "efficiency_without_ledger": "generator"}


def _target(name: str, value: float) -> dict[str, Any]:
    return {"value": value, "at": "least", "target": TARGETS[name], "met": value >= TARGETS[name]}


def _round(model: DiffusersGenerator, recipes: Sequence[Recipe], best: int) -> dict[str, Timing]:
    """The same pictures in each way, one after the other; the ledger is a new one on this machine's disk."""
    with tempfile.TemporaryDirectory() as folder, Ledger.open(Path(folder)) as ledger, position("generator"):
        door = recorded(model, ledger)
        return {
            "bare": _timed(lambda: _bare(model, recipes, best)),
            "generator": _timed(lambda: model.generate(recipes)),
            "recorded": _timed(lambda: door.generate(recipes)),
        }


def _timed(work: Callable[[], Any]) -> Timing:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Timing(time.perf_counter() - wall, time.process_time() - cpu)


def _bare(model: DiffusersGenerator, recipes: Sequence[Recipe], batch: int) -> None:
    """What a person would write: the pipeline's own call, batch by batch."""
    import torch

    plan, pipe = model.plan(recipes[0]), model.pipeline.pipe
    for start in range(0, len(recipes), batch):
        part = recipes[start : start + batch]
        pipe(
            [recipe.prompt.text for recipe in part],
            num_inference_steps=plan.steps,
            guidance_scale=plan.guidance,
            width=plan.width,
            height=plan.height,
            generator=[torch.Generator("cpu").manual_seed(recipe.seed) for recipe in part],
        )


def _best_batch(model: DiffusersGenerator, sizes: Sequence[int]) -> int:
    """The size at which the bare pipeline draws fastest, each tried once warm."""
    if len(sizes) == 1:
        return sizes[0]
    _bare(model, _recipes(4, 0), 4)
    count = max(sizes)
    return min(sizes, key=lambda size: _timed(lambda: _bare(model, _recipes(count, 0), size)).cpu)


def _recipes(count: int, seed: int) -> list[Recipe]:
    return [Recipe(Prompt(_PROMPT), seed + number) for number in range(count)]


def _painter() -> Path:
    import limner

    return Path(limner.__file__).parent / "microworld" / "weights" / "painter"


def _sdxl() -> list[dict[str, Any]]:
    from limner.bench.draw_sdxl import scaling

    return scaling()
