"""The painter's UNet: from noise and words to latents.

Places come from two conditionings of the stock pipeline: cross-attention at the 6 x 6 and 3 x 3 levels (at the lowest,
one position is one cell), and the pooled text embedding in the time embedding, whose pool the text encoder has
already learned. Training starts with single objects fully described at high noise, where the layout is decided.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limner.microworld.captions import caption
from limner.microworld.law import Scene
from limner.microworld.render import render
from limner.microworld.splits import some_scene
from limner.microworld.train import beside, text, vae
from limner.microworld.train.loop import Loss, Plan, begin, fit, half

if TYPE_CHECKING:
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

BATCH = 64
PLAN = Plan(steps=6600, lr=1.2e-3, warmup=100, ema=0.998, save_every=250)
BANK = 40_000
"""Training pictures whose latents are kept; captions are written anew whenever one is used."""
UNSAID = 0.1
"""Share of pictures trained without caption, for classifier-free guidance."""


class Stage(NamedTuple):
    """A part of the training: what it shows and how noisy."""

    until: float
    """Where it ends, as a share of all steps."""
    things: int
    """Pictures have at most so many things."""
    structure: float
    """Share of structured captions."""
    high: float
    """Share of pictures from the noisiest fifth of the levels, where the layout is decided."""


STAGES = (Stage(0.18, 1, 0.9, 0.5), Stage(0.78, 3, 0.85, 0.35), Stage(1.0, 5, 0.6, 0.25))
"""First places, then which colour and shape goes where, then the loose registers and crowds."""


def stage(step: int, steps: int, stages: tuple[Stage, ...] = STAGES) -> Stage:
    """The stage that a step belongs to."""
    return next(part for part in stages if step < part.until * steps)


def build() -> UNet2DConditionModel:
    """The untrained UNet (6 M parameters, 0.33 GFLOP a forward pass)."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=12,
        in_channels=4,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(64, 96, 128),
        layers_per_block=1,
        cross_attention_dim=text.WIDTH,
        attention_head_dim=(2, 3, 4),  # diffusers' name for the number of heads
        norm_num_groups=16,
        resnet_time_scale_shift="scale_shift",
        addition_embed_type="text",
        addition_embed_type_num_heads=text.POOL_HEADS,
    )


def scheduler() -> DDIMScheduler:
    """The painter's noise: nearly nothing of the picture is left at the last step."""
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        beta_start=1e-4, beta_end=0.02, beta_schedule="linear", prediction_type="v_prediction", clip_sample=False,
        set_alpha_to_one=True, steps_offset=1, timestep_spacing="trailing",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bank:
    """Scenes with the latents of their drawings, those of few things first."""

    scenes: tuple[Scene, ...]
    latents: Tensor

    def some(self, rng: np.random.Generator, count: int, things: int) -> tuple[list[Scene], Tensor]:
        """Random scenes of at most so many things, and their latents."""
        last = bisect_right(self.scenes, things, key=lambda scene: len(scene.things))
        rows = rng.integers(0, last, count)
        return [self.scenes[int(row)] for row in rows], self.latents[torch.from_numpy(rows)].float()


def fill(coder: AutoencoderKL, path: Path, seed: int, count: int) -> Bank:
    """Draw and encode the bank's pictures; latents are kept in a file beside the checkpoints."""
    rng = np.random.default_rng([seed, 1])
    scenes = sorted((some_scene(rng, "train") for _ in range(count)), key=lambda scene: len(scene.things))
    beside.once(path, lambda fresh: torch.save(_encoded(coder, scenes, rng), fresh))
    return Bank(tuple(scenes), torch.load(path, weights_only=True))


@torch.no_grad()
def _encoded(coder: AutoencoderKL, scenes: Sequence[Scene], rng: np.random.Generator) -> Tensor:
    device = next(coder.parameters()).device
    chunks = []
    for start in range(0, len(scenes), 100):
        drawn = np.stack([render(scene, rng) for scene in scenes[start : start + 100]])
        pixels = torch.from_numpy(drawn).permute(0, 3, 1, 2).float() / 127.5 - 1
        with half(device):
            latent = coder.encode(pixels.to(device)).latent_dist.mean
        chunks.append((latent.float() * coder.config.scaling_factor).half().cpu())
    return torch.cat(chunks)


def times(rng: np.random.Generator, count: int, share: float) -> Tensor:
    """Noise levels 0..999: uniform, and for a share of the pictures from the noisiest fifth."""
    uniform = rng.integers(0, 1000, count)
    high = rng.integers(800, 1000, count)
    return torch.from_numpy(np.where(rng.random(count) < share, high, uniform))


def train(out: Path, seed: int = 0, steps: int = PLAN.steps) -> nn.Module:
    """Train on the latents of training pictures with fresh captions; v-prediction, mean squared error."""
    from diffusers.models.attention_processor import AttnProcessor

    device = begin(out / "unet", seed)
    readers, tokenizer = text.load(out)
    reader = readers.encoder.to(device).requires_grad_(False)
    bank = fill(vae.load(out).to(device), out / "unet" / "latents.pt", seed, BANK)
    unet = build()
    unet.add_embedding.load_state_dict(readers.pool.state_dict())
    unet.set_attn_processor(AttnProcessor())  # in bfloat16 on a CPU a third faster than fused attention
    unet.to(device)

    loss = denoising(unet, read_by(reader, tokenizer), bank, lambda step: stage(step, steps))
    return fit(unet, loss, replace(PLAN, seed=seed, steps=steps), out / "unet")


Read = Callable[[Sequence[str]], Tensor]
"""Captions -> the text encoder's hidden states, shape (captions, tokens, width)."""


def read_by(reader: CLIPTextModel, tokenizer: CLIPTokenizer) -> Read:
    """Read with a text encoder that is not trained."""

    @torch.no_grad()
    def read(words: Sequence[str]) -> Tensor:
        ids = text.encode(tokenizer, list(words)).to(reader.device)
        return reader(input_ids=ids).last_hidden_state  # type: ignore[no-any-return]

    return read


def denoising(
    unet: UNet2DConditionModel,
    read: Read,
    bank: Bank,
    shown: Callable[[int], Stage],
    *,
    tell: Callable[..., str] = caption,
    batch: int = BATCH,
) -> Loss:
    """The loss of a UNet on a bank's latents with fresh captions: squared error of v-prediction, by stage.

    Args:
        unet: what is trained.
        read: the text encoder.
        bank: scenes and their latents.
        shown: the stage of a step.
        tell: `tell(scene, rng, structure=share)` is a caption of a scene; such a share of them is structured.
        batch: pictures of a step.
    """
    noise_levels, device = scheduler(), unet.device

    def loss(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        part = shown(step)
        scenes, clean = bank.some(rng, batch, part.things)
        said = read(["" if rng.random() < UNSAID else tell(scene, rng, structure=part.structure) for scene in scenes])
        clean, noise = clean.to(device), torch.randn(clean.shape).to(device)
        at = times(rng, batch, part.high).to(device)
        noisy = noise_levels.add_noise(clean, noise, at)
        wanted = noise_levels.get_velocity(clean, noise, at)
        error = F.mse_loss(unet(noisy, at, said).sample.float(), wanted, reduction="none").mean((1, 2, 3))
        high = at >= 900
        return {"loss": error.mean(), "layout": error[high].mean() if high.any() else error.mean().detach()}

    return loss
