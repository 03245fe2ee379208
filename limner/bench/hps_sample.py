"""What both sides score: a random checkpoint of the published layout, and pictures of odd sizes for four requests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

PROMPTS = (
    "a red fox in the snow",
    "an old man’s portrait, “chiaroscuro”, oil &amp; gold leaf",
    "Ein Café am Hafen, 8 Boote, Abendlicht!!",
    "a very long request: " + "a tower of stone, a river of glass, " * 14,
)
"""Curly quotes and entities, letters beyond ASCII, and more than 77 tokens."""
SEED = 0
VISION, TEXT, JOINT, WORDS, WINDOW, PATCHES, PATCH = 1280, 1024, 1024, 49408, 77, 257, 14


class Sample(NamedTuple):
    """One picture file and the request that it is scored for."""

    file: Path
    prompt: str


def pictures(folder: Path, count: int) -> list[Sample]:
    """Smooth noise of odd sizes, wide and tall, the four requests in turn."""
    from PIL import Image

    rng = np.random.default_rng(SEED)
    samples = []
    for number in range(count):
        width, height = (int(side) for side in rng.integers(37, 700, 2))
        small = rng.integers(0, 256, (int(rng.integers(2, 20)), int(rng.integers(2, 20)), 3), dtype=np.uint8)
        file = folder / f"{number:02d}.png"
        Image.fromarray(small).resize((width | 1, height), Image.Resampling.BICUBIC).save(file)
        samples.append(Sample(file, PROMPTS[number % len(PROMPTS)]))
    return samples


def write_checkpoint(file: Path, vision_layers: int, text_layers: int) -> None:
    """A training state as `HPS_v2.1_compressed.pt` is one, of random numbers, ViT-H-14 but for the layers."""
    import torch

    generator = torch.Generator().manual_seed(SEED)

    def normal(*shape: int, sd: float = 0.02) -> Tensor:
        return torch.empty(shape).normal_(0, sd, generator=generator)

    state = {
        "positional_embedding": normal(WINDOW, TEXT, sd=0.3),
        "text_projection": normal(TEXT, JOINT, sd=TEXT**-0.5),
        "logit_scale": torch.tensor(4.6052),
        "token_embedding.weight": normal(WORDS, TEXT, sd=0.5),
        "visual.class_embedding": normal(VISION, sd=0.3),
        "visual.positional_embedding": normal(PATCHES, VISION, sd=0.3),
        "visual.proj": normal(VISION, JOINT, sd=VISION**-0.5),
        "visual.conv1.weight": normal(VISION, 3, PATCH, PATCH, sd=0.05),
    }
    for name, width in (("visual.ln_pre", VISION), ("visual.ln_post", VISION), ("ln_final", TEXT)):
        state |= {f"{name}.weight": 1 + normal(width), f"{name}.bias": normal(width)}
    for prefix, layers, width in (("visual.", vision_layers, VISION), ("", text_layers, TEXT)):
        for number in range(layers):
            block = f"{prefix}transformer.resblocks.{number}"
            for name, shape in _block(width).items():
                value = normal(*shape, sd=width**-0.5 if len(shape) == 2 else 0.02)
                state[f"{block}.{name}"] = value + 1 if name in ("ln_1.weight", "ln_2.weight") else value
    torch.save({"epoch": 1, "state_dict": state}, file)


def _block(width: int) -> dict[str, tuple[int, ...]]:
    """Shapes of one transformer block."""
    return {
        "ln_1.weight": (width,),
        "ln_1.bias": (width,),
        "attn.in_proj_weight": (3 * width, width),
        "attn.in_proj_bias": (3 * width,),
        "attn.out_proj.weight": (width, width),
        "attn.out_proj.bias": (width,),
        "ln_2.weight": (width,),
        "ln_2.bias": (width,),
        "mlp.c_fc.weight": (4 * width, width),
        "mlp.c_fc.bias": (4 * width,),
        "mlp.c_proj.weight": (width, 4 * width),
        "mlp.c_proj.bias": (width,),
    }
