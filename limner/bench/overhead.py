"""`limner bench overhead`: what the ledger, PNG, hashes, records, graph and trace cost over the bare models.

A run of evolve with warm models notes the batches that really reached each model. The same batches are then given to
the diffusers pipeline by hand and to the bare scorers, same process, same threads. The two are measured in turn, and
`overhead` is the median of the ratios.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from limner.bench.conditions import conditions
from limner.bench.taped import TapedGenerator, TapedScorer, TapedVision
from limner.protocols import Generator, Scorer, VisionModel
from limner.types import Picture, Query, Question, Recipe

if TYPE_CHECKING:
    from diffusers import StableDiffusionPipeline

PAIRS, ROUNDS = 5, 4
QUICK: dict[str, Any] = {"rounds": 1, "validation": 2, "held_out": 2}


@dataclass(frozen=True, slots=True)
class _Bench:
    """Warm models, once behind their doors and once bare."""

    generator: Generator
    taste: Scorer
    vision: VisionModel
    pipe: StableDiffusionPipeline
    defaults: dict[str, Any]


def measure(*, quick: bool = False) -> dict[str, Any]:
    """Measure `overhead`: the median over interleaved pairs of evolve's wall time over the bare models' time."""
    models = _warm()
    size, pairs = (QUICK, 2) if quick else ({"rounds": ROUNDS}, PAIRS)
    rows = [_pair(models, seed, size) for seed in range(pairs)]
    return {
        "overhead": median(row["evolve_seconds"] / row["bare_seconds"] for row in rows),
        "pairs": rows,
        **conditions(seeds=list(range(pairs)), pictures=sum(row["pictures"] for row in rows), quick=quick),
    }


def _warm() -> _Bench:
    import json

    import torch

    import limner
    from limner.generation import generator
    from limner.quiet import quiet
    from limner.scoring import scorer, vision_model
    from limner.types import Prompt

    folder = Path(limner.__file__).parent / "microworld" / "weights" / "painter"
    defaults = json.loads((folder / "limner.json").read_text())
    with quiet():
        from diffusers import StableDiffusionPipeline

        pipe = StableDiffusionPipeline.from_pretrained(folder, dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    bench = _Bench(generator("microworld"), scorer("microworld"), vision_model("microworld"), pipe, defaults)
    recipes = [Recipe(Prompt("a red circle"), seed) for seed in range(bench.generator.terms.batch)]
    pictures = [one for one in bench.generator.generate(recipes) if isinstance(one, Picture)]
    bench.taste.score([(Query.of("a red circle"), one) for one in pictures])
    bench.vision.answer([(one, Question("Is there a circle?")) for one in pictures])
    _draw_bare(bench, recipes)
    return bench


def _pair(models: _Bench, seed: int, size: dict[str, Any]) -> dict[str, Any]:
    from limner.graph.api import evolve
    from limner.graph.wiring import embedded_queries

    generator, taste, vision = (
        TapedGenerator(models.generator),
        TapedScorer(models.taste),
        TapedVision(models.vision),
    )
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        result = evolve(
            embedded_queries(),
            generator=generator,
            taste=taste,
            questions=vision,
            seed=seed,
            out=Path(folder),
            **size,
        )
        whole = time.perf_counter() - began
    began = time.perf_counter()
    for recipes in generator.batches:
        _draw_bare(models, recipes)
    for pairs in taste.batches:
        models.taste.score(pairs)
    for asks in vision.batches:
        models.vision.answer(asks)
    bare = time.perf_counter() - began
    return {"seed": seed, "pictures": result.spend.pictures, "evolve_seconds": whole, "bare_seconds": bare}


def _draw_bare(models: _Bench, recipes: Sequence[Recipe]) -> None:
    import torch

    models.pipe(
        [recipe.prompt.text for recipe in recipes],
        num_inference_steps=models.defaults["steps"],
        guidance_scale=models.defaults["guidance"],
        width=models.defaults["width"],
        height=models.defaults["height"],
        generator=[torch.Generator("cpu").manual_seed(recipe.seed) for recipe in recipes],
        output_type="np",
    )
