"""The painter's second phase: its UNet goes on from the shipped painter, from the start of a fresh cosine.

What the first phase had not finished learning is which colour goes with which of two or three things; the autoencoder
and the text encoder are good enough and stay as they are. The picture bank is drawn anew, so a law that was changed a
little (sizes, palette) is learned here too.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from limner.microworld.train import beside, painter, unet
from limner.microworld.train.loop import Plan, begin, fit, load_average

if TYPE_CHECKING:
    from diffusers import StableDiffusionPipeline

PLAN = Plan(steps=2300, lr=8e-4, warmup=150, ema=0.998, save_every=200)
STAGES = (unet.Stage(0.75, 3, 0.8, 0.3), unet.Stage(1.0, 5, 0.65, 0.25))
BANK = 24_000
"""Training pictures whose latents are kept."""


def start(out: Path) -> StableDiffusionPipeline:
    """The painter from which the phase started; a copy, because the shipped one may be replaced while it lasts."""
    return painter.load(beside.copied(painter.FOLDER, out / "polish" / "start"))


def train(out: Path, seed: int = 0, steps: int = PLAN.steps) -> nn.Module:
    """Train the shipped painter's UNet on; at most three things first, then crowds and looser captions again."""
    from diffusers.models.attention_processor import AttnProcessor

    device = begin(out / "polish", seed)
    before = start(out)
    reader = before.text_encoder.to(device).requires_grad_(False)
    bank = unet.fill(before.vae.to(device).eval(), out / "polish" / "latents.pt", seed + 1, BANK)
    before.unet.set_attn_processor(AttnProcessor())
    read = unet.read_by(reader, before.tokenizer)
    loss = unet.denoising(before.unet, read, bank, lambda step: unet.stage(step, steps, STAGES))
    return fit(before.unet, loss, replace(PLAN, seed=seed, steps=steps), out / "polish")


def assemble(out: Path) -> StableDiffusionPipeline:
    """The painter of the second phase, in single precision: the first one with the moving average of its UNet."""
    pipeline = start(out)
    load_average(pipeline.unet, out / "polish")
    return pipeline
