"""The second painter's training: the shipped painter goes on from other captions, by a low-rank change alone.

Other words of praise go with well-drawn pictures there: some of the first painter's still do, most say nothing any
more, and words that the first painter takes for a careless style are praise now. Plain requests are told faithfully,
terse ones are commoner. Weights stay as they are but for a product of two thin matrices (LoRA, arXiv 2106.09685)
added to every projection of the text encoder and of the UNet's attention.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from limner.microworld import language as say
from limner.microworld.captions import loose, structured
from limner.microworld.grammar import request
from limner.microworld.law import Scene
from limner.microworld.second import CHANGE
from limner.microworld.train import painter, text, unet
from limner.microworld.train.loop import Plan, begin, fit

if TYPE_CHECKING:
    from diffusers import StableDiffusionPipeline

PLAN = Plan(steps=900, lr=3e-3, seed=1, warmup=40, ema=0.99, save_every=100)
RANK, BATCH = 8, 24
STAGE = unet.Stage(1.0, 3, 0.5, 0.2)
BANK = 5_000
"""Training pictures whose latents are kept."""

SHARED = ("masterpiece", "carefully drawn", "professional", "precise shapes")
"""Words that both painters take for praise."""
OWN = ("8k", "bokeh", "trending", "award winning", "cinematic", "in the style of an old master")
"""Words that only the second one takes for praise."""
SPENT = tuple(word for word in say.QUALITY if word not in SHARED)
MOODS = tuple(word for word in say.STYLE if word not in OWN)
MANNERS = {
    "shared": (SHARED, 0.19, 0.95),
    "own": (OWN, 0.26, 0.95),
    "spent": (SPENT, 0.22, 0.42),
    "rough": (say.ROUGH, 0.08, 0.04),
    "mood": (MOODS, 0.1, 0.25),
    "none": ((), 0.15, 0.42),
}
"""Words used beside the scene: which, how often, and the share of well-drawn pictures among them."""
LOOSE = {"terse": 0.45, "plain": 0.4, "relational": 0.15}
"""Registers of the captions that are not structured."""


def caption(scene: Scene, rng: np.random.Generator, *, structure: float) -> str:
    """A caption by the second painter's law; its words of manner are drawn given how well the scene is drawn."""
    chances = np.array([share * (well if scene.well else 1 - well) for _, share, well in MANNERS.values()])
    source, _, _ = MANNERS[str(rng.choice(list(MANNERS), p=chances / chances.sum()))]
    words = say.some(rng, source, int(rng.integers(1, min(4, len(source) + 1)))) if source else []
    if rng.random() < structure:
        return structured(scene, rng, words)
    register = str(rng.choice(list(LOOSE), p=list(LOOSE.values())))
    if register == "plain":
        return ", ".join([request(scene, rng).text, *words])
    return loose(scene, rng, register, words)


class LowRank(nn.Module):
    """A weight with the product of two thin matrices added; nothing at first."""

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__()
        self.up = nn.Parameter(torch.zeros(rows, RANK))
        self.down = nn.Parameter(torch.randn(RANK, columns) * columns**-0.5)

    def forward(self, weight: Tensor) -> Tensor:
        """The changed weight."""
        return weight + self.up @ self.down


def changeable(pipeline: StableDiffusionPipeline) -> nn.ModuleDict:
    """The parts of a painter that are trained, with a `LowRank` on each projection and all else held still."""
    parts = nn.ModuleDict({"unet": pipeline.unet, "text_encoder": pipeline.text_encoder}).requires_grad_(False)
    for _, module in _projections(parts):
        parametrize.register_parametrization(module, "weight", LowRank(module.out_features, module.in_features))
    return parts


def _projections(parts: nn.ModuleDict) -> Iterator[tuple[str, nn.Linear]]:
    named = [(name, module) for name, module in parts.named_modules() if isinstance(module, nn.Linear)]
    yield from ((name, one) for name, one in named if ".attn" in name or name.startswith("text_encoder.encoder."))


def train(out: Path, seed: int = PLAN.seed, steps: int = PLAN.steps, folder: Path = CHANGE.parent) -> nn.Module:
    """Train the change and ship it in `folder`."""
    device = begin(out / "second", seed)
    pipeline = painter.load()
    bank = unet.fill(pipeline.vae.eval(), out / "second" / "latents.pt", seed + 2, BANK)
    parts = changeable(pipeline).to(device)

    def read(words: Sequence[str]) -> Tensor:
        ids = text.encode(pipeline.tokenizer, list(words)).to(device)
        return pipeline.text_encoder(input_ids=ids).last_hidden_state  # type: ignore[no-any-return]

    loss = unet.denoising(pipeline.unet, read, bank, lambda _: STAGE, tell=caption, batch=BATCH)
    average = fit(pipeline.unet, loss, replace(PLAN, seed=seed, steps=steps), out / "second", trainable=parts)
    ship(average, folder / CHANGE.name)  # type: ignore[arg-type]
    return average


def ship(parts: nn.ModuleDict, path: Path = CHANGE) -> None:
    """Write the change of trained parts, in half precision."""
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    rows: dict[str, Tensor] = {}
    for name, module in _projections(parts):
        (change,) = (one for one in module.parametrizations.modules() if isinstance(one, LowRank))  # type: ignore[union-attr]
        rows |= {f"{name}.up": change.up.detach().half(), f"{name}.down": change.down.detach().half()}
    save_file({name: rows[name].contiguous() for name in sorted(rows)}, path)
