"""What the embedded world's models weigh, and what a picture costs."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import limner
from limner.microworld.train.measure import paint
from limner.microworld.train.painter import GUIDANCE, STEPS
from limner.protocols import Generator
from limner.types import Prompt, Recipe

if TYPE_CHECKING:
    from diffusers import StableDiffusionPipeline

WEIGHTS = Path(limner.__file__).parent / "microworld" / "weights"
PROMPT = "a large red circle at the top left; on a white background; high quality, sharp edges"
BATCHES = (1, 16)


def weights_mb(folder: Path = WEIGHTS) -> float:
    """Megabytes (10^6 bytes) of all files in a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


def gflop_per_picture(pipeline: StableDiffusionPipeline) -> float:
    """10^9 floating-point operations of one call of the pipeline, text encoder, UNet with guidance and decoder."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        paint(pipeline, [PROMPT], steps=STEPS, guidance=GUIDANCE)
    return float(counter.get_total_flops()) / 1e9


def pictures_per_second(generator: Generator, tries: int) -> dict[str, float]:
    """Pictures a second of wall time by batch size, PNG included; the median of some tries."""
    return {str(batch): batch / median(_seconds(generator, batch) for _ in range(tries)) for batch in BATCHES}


def _seconds(generator: Generator, batch: int) -> float:
    recipes = [Recipe(Prompt(PROMPT), seed) for seed in range(batch)]
    began = time.perf_counter()
    generator.generate(recipes)
    return time.perf_counter() - began
