"""A quick look at a painter during its training: pictures of a pipeline, and what the benchmark counts in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from limner.microworld.figures import painter_figures
from limner.microworld.law import FRAME

if TYPE_CHECKING:
    from PIL.Image import Image

    from limner.microworld.oracle import Reading

BATCH = 32


def paint(
    pipeline: Any, prompts: Sequence[str], *, seed: int = 0, steps: int = 16, guidance: float = 1.75
) -> list[Image]:
    """Pictures for prompts, in batches; each has its own seed."""
    import torch

    pictures: list[Image] = []
    for start in range(0, len(prompts), BATCH):
        some = list(prompts[start : start + BATCH])
        seeds = [torch.Generator("cpu").manual_seed(seed + start + i) for i in range(len(some))]
        pictures += pipeline(
            some, num_inference_steps=steps, guidance_scale=guidance, height=FRAME, width=FRAME, generator=seeds
        ).images
    return pictures


def figures(pipeline: Any, *, count: int = 64, seed: int = 0, **how: Any) -> dict[str, float]:
    """Means of `painter_figures` on `count` scenes of one and of two things, and half as many of three."""
    from limner.microworld.oracle import read

    def see(prompts: Sequence[str], first: int) -> list[Reading]:
        return [read(picture) for picture in paint(pipeline, prompts, seed=first, **how)]

    shares = painter_figures(see, {1: count, 2: count, 3: max(1, count // 2)}, seed)
    return {name: round(sum(values) / len(values), 3) for name, values in shares.items()}
