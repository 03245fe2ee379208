"""The painter's autoencoder: 48 x 48 x 3 pixels to 12 x 12 x 4 latents and back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from limner.microworld.render import render
from limner.microworld.splits import some_scene
from limner.microworld.train.loop import Plan, fit, load_average, pick_device

if TYPE_CHECKING:
    from diffusers import AutoencoderKL

BATCH = 32
PLAN = Plan(steps=2400, lr=1.5e-3, warmup=100, ema=0.998, save_every=250)
_KL = 1e-5


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
    )


def pictures(rng: np.random.Generator, count: int) -> Tensor:
    """Fresh drawings of training scenes in [-1, 1], shape (count, 3, 48, 48)."""
    drawn = np.stack([render(some_scene(rng, "train"), rng) for _ in range(count)])
    return torch.from_numpy(drawn).permute(0, 3, 1, 2).float() / 127.5 - 1


def train(out: Path, seed: int = 0, steps: int = PLAN.steps) -> AutoencoderKL:
    """Train on fresh drawings, half of them badly drawn; L1 plus squared error, and a trace of KL."""
    device = pick_device()
    torch.manual_seed(seed)
    vae = build().to(device)

    def loss(_step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        x = pictures(rng, BATCH).to(device)
        latent = vae.encode(x).latent_dist
        seen = vae.decode(latent.sample()).sample
        l1, l2 = F.l1_loss(seen.float(), x), F.mse_loss(seen.float(), x)
        kl = latent.kl().float().mean()
        return {"loss": l1 + 2 * l2 + _KL * kl, "l1": l1, "mse": l2, "kl": kl}

    plan = replace(PLAN, seed=seed, steps=steps)
    average = fit(vae, loss, plan, out / "vae")
    average.register_to_config(scaling_factor=_scale(average))  # type: ignore[operator]
    return average  # type: ignore[return-value]


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
    return vae  # type: ignore[return-value]
