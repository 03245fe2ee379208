"""The second reader's training: drawings and their doubles mixed, crisply and by way of the painter's autoencoder.

Up to nine things stand in a picture, so that one picture teaches much. Every time it is shown, it is shifted by part
of a pixel, scaled, blurred and tinted a little. No reading of the oracle and no painter's picture is used.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limner.microworld.law import FRAME
from limner.microworld.reader import FILE, Net
from limner.microworld.splits import some_scene
from limner.microworld.train.album import Floats
from limner.microworld.train.doubt import doubtful
from limner.microworld.train.loop import Plan, begin, fit
from limner.microworld.train.tower import Labels

PLAN = Plan(steps=12_000, lr=3e-3, warmup=100, ema=0.998, save_every=500)
_BATCH = 96
_CRISP, _SOFT = 8_000, 8_000
"""Mixed drawings, and such as the autoencoder gives back."""
_OBJECTS = (0.1, 0.12, 0.14, 0.16, 0.16, 0.1, 0.08, 0.07, 0.07)
_SHIFT, _ZOOM, _BLUR, _TINT = 1.0, 0.06, 0.7, 0.03
"""Most by which a picture is shifted (pixels), scaled, and mixed with its blurred self; deviation of a gain."""


def train(out: Path, seed: int = 0, steps: int = PLAN.steps, folder: Path = FILE.parent) -> nn.Module:
    """Train, half of each batch on crisp drawings and half on softened ones; ship the average in `folder`."""
    from limner.microworld.train import painter

    device = begin(out / "reader", seed)
    net = Net().to(device)
    rng = np.random.default_rng([seed, 81])
    crisp = doubtful([some_scene(rng, "train", objects=_OBJECTS) for _ in range(_CRISP)], rng)
    soft = doubtful([some_scene(rng, "train", objects=_OBJECTS) for _ in range(_SOFT)], rng, painter.load().vae)

    def loss(_step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        some = crisp.sample(_BATCH // 2, rng) + soft.sample(_BATCH // 2, rng)
        x = torch.from_numpy(some.pixels).to(device).permute(0, 3, 1, 2).float()
        return naming(net, shaken(x, rng), some.labels)

    average = fit(net, loss, replace(PLAN, seed=seed, steps=steps), out / "reader")
    ship(average, folder / FILE.name)
    return average


def naming(net: nn.Module, x: Tensor, labels: Labels) -> dict[str, Tensor]:
    """Cross-entropy of what stands in the cells, of the ground and of the quality."""
    logits = net(x)
    wanted = {name: part.flatten(1).to(x.device) for name, part in labels.cells.items()}
    losses = {
        name: F.cross_entropy(said.float().flatten(0, 1), wanted[name].flatten(), ignore_index=-1)
        for name, said in (("shape", logits.shape), ("colour", logits.colour), ("size", logits.size))
    }
    losses["ground"] = F.cross_entropy(logits.ground.float(), labels.ground.to(x.device))
    losses["well"] = F.binary_cross_entropy_with_logits(logits.well.float(), labels.well.to(x.device))
    return {"loss": torch.stack(list(losses.values())).sum(), **losses}


def shaken(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Pictures (N, 3, 48, 48; 0..255) shifted by part of a pixel (half of them), scaled, blurred and tinted."""
    count = len(x)

    def drawn(values: Floats) -> Tensor:
        return torch.from_numpy(values.astype(np.float32)).to(x.device)

    shift = rng.uniform(-_SHIFT, _SHIFT, (count, 2)) * (rng.random((count, 1)) < 0.5)
    theta = torch.eye(2, 3, device=x.device).repeat(count, 1, 1)
    theta[:, :, :2] *= drawn(1 + rng.uniform(-_ZOOM, _ZOOM, (count, 1, 1)))
    theta[:, :, 2] = drawn(2 * shift / FRAME)
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    x = F.grid_sample(x, grid, padding_mode="border", align_corners=False)
    blurred = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    x = x.lerp(blurred, drawn(rng.uniform(0, _BLUR, (count, 1, 1, 1))))
    gain, lift = rng.normal(1, _TINT, (count, 3, 1, 1)), rng.normal(0, 255 * _TINT / 2, (count, 3, 1, 1))
    return (x * drawn(gain) + drawn(lift)).clamp(0, 255)


def ship(net: nn.Module, file: Path) -> None:
    """Write a network in half precision."""
    from safetensors.torch import save_file

    file.parent.mkdir(parents=True, exist_ok=True)
    weights = {name: value.half() if value.is_floating_point() else value for name, value in net.state_dict().items()}
    save_file({name: value.cpu().contiguous() for name, value in weights.items()}, file)
