"""The painter's autoencoder: 48 x 48 x 3 pixels to 12 x 12 x 4 latents and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from limner.microworld.render import Pixels, render
from limner.microworld.splits import some_scene
from limner.microworld.train.loop import Plan, begin, fit, load_average

if TYPE_CHECKING:
    from diffusers import AutoencoderKL

BATCH = 32
WELL = 0.65
"""Share of well-drawn pictures: mud costs capacity and its exact shape matters to nobody."""
PLAN = Plan(steps=3100, lr=2e-3, warmup=100, ema=0.998, save_every=250)
_KL = 1e-5
_CONTRAST, _WEIGHT = 0.12, 4.0


def build() -> AutoencoderKL:
    """The untrained autoencoder (1 M parameters)."""
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(24, 48, 80),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=48,
        mid_block_add_attention=False,
        scaling_factor=1.0,
        force_upcast=False,
    )


def pictures(rng: np.random.Generator, count: int) -> Tensor:
    """Fresh drawings of training scenes in [-1, 1], shape (count, 3, 48, 48)."""
    return as_tensor([render(some_scene(rng, "train", well=bool(rng.random() < WELL)), rng) for _ in range(count)])


def as_tensor(drawn: Sequence[Pixels]) -> Tensor:
    """Pictures as the autoencoder sees them: (count, 3, 48, 48) in [-1, 1]."""
    return torch.from_numpy(np.stack(drawn)).permute(0, 3, 1, 2).float() / 127.5 - 1


def attention(x: Tensor) -> Tensor:
    """Weights of the pixels, mean one a picture: things count for more than the ground, small or large."""
    ground = x.flatten(2).median(dim=2).values[..., None, None]
    thing = ((x - ground).abs().amax(1, keepdim=True) > _CONTRAST).float()
    weight = 1 + _WEIGHT * F.max_pool2d(thing, 3, stride=1, padding=1)
    return weight / weight.mean((1, 2, 3), keepdim=True)


def train(out: Path, seed: int = 0, steps: int = PLAN.steps) -> AutoencoderKL:
    """Train on fresh drawings, a third of them badly drawn; weighted L1 plus squared error, and a trace of KL."""
    device = begin(out / "vae", seed)
    vae = build().to(device)

    def loss(_step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        x = pictures(rng, BATCH).to(device)
        latent = vae.encode(x).latent_dist
        seen = vae.decode(latent.sample()).sample
        error = (seen.float() - x).abs() * attention(x)
        l1, l2 = error.mean(), error.square().mean()
        kl = latent.kl().float().mean()
        return {"loss": l1 + 2 * l2 + _KL * kl, "l1": l1, "mse": l2, "kl": kl}

    plan = replace(PLAN, seed=seed, steps=steps)
    average = fit(vae, loss, plan, out / "vae")
    average.register_to_config(scaling_factor=_scale(average))  # type: ignore[operator]
    return average


@torch.no_grad()
def _scale(vae: torch.nn.Module) -> float:
    """The factor that gives the latents of fresh drawings unit deviation."""
    device = next(vae.parameters()).device
    x = pictures(np.random.default_rng(12345), 256).to(device)
    return round(1.0 / float(vae.encode(x).latent_dist.mean.std()), 4)  # type: ignore[operator]


def load(out: Path) -> AutoencoderKL:
    """The trained autoencoder of a training folder, its scaling factor set."""
    vae = load_average(build(), out / "vae")
    vae.register_to_config(scaling_factor=_scale(vae))  # type: ignore[operator]
    return vae
