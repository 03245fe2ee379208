"""Doubtful drawings: each thing is partly what it is and partly something else, as painters leave it.

A scene and its double, in which half of the things have another colour or shape, are drawn alike and mixed. What the
mixture shows follows from law and share alone; no picture is read for it. The first scene's shape outweighs, but for a
hole: that of a ring is plainly seen from a third on. The colour is the palette's nearest to the mixed paint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from limner.microworld.law import CELL, COLOURS, FRAME, SHAPES, Scene
from limner.microworld.train.album import Floats, doubted, draw_each, mix
from limner.microworld.train.tower import Labels, label

if TYPE_CHECKING:
    from diffusers import AutoencoderKL

    from limner.microworld.render import Pixels

MOST = 0.5
"""Most that a drawing is mixed with its double: at half, nobody can tell."""
HOLE = 1 / 3
"""Share of a ring from which a round thing is one."""
_DAMAGED = 25.0
"""Mean change of three by three pixels (grey levels) from which a cell may show something else than what was drawn."""
_CIRCLE, _RING = SHAPES.index("circle") + 1, SHAPES.index("ring") + 1
_PAINTS = torch.tensor(list(COLOURS.values()), dtype=torch.float32)
_BATCH = 64


@dataclass(frozen=True, slots=True)
class Lessons:
    """Drawings, uint8 (N, 48, 48, 3), and what they show: a cell that teaches nothing has the shape -1."""

    pixels: Pixels
    labels: Labels

    def sample(self, count: int, rng: np.random.Generator) -> Lessons:
        """Some of the drawings, with replacement, half of them mirrored."""
        chosen, turned = rng.integers(len(self.pixels), size=count), rng.random(count) < 0.5
        pixels, rows, turn = self.pixels[chosen], torch.from_numpy(chosen), torch.from_numpy(turned)[:, None, None]
        cells = {name: torch.where(turn, part[rows].flip(2), part[rows]) for name, part in self.labels.cells.items()}
        return Lessons(
            np.where(turned[:, None, None, None], pixels[:, :, ::-1], pixels),
            Labels(cells, self.labels.ground[rows], self.labels.well[rows]),
        )

    def __add__(self, other: Lessons) -> Lessons:
        ours, theirs = self.labels, other.labels
        cells = {name: torch.cat([part, theirs.cells[name]]) for name, part in ours.cells.items()}
        frame = torch.cat([ours.ground, theirs.ground]), torch.cat([ours.well, theirs.well])
        return Lessons(np.concatenate([self.pixels, other.pixels]), Labels(cells, *frame))


def doubtful(
    scenes: Sequence[Scene], rng: np.random.Generator, vae: AutoencoderKL | None = None, noise: float = 0.2
) -> Lessons:
    """Draw scenes and mix each by a share up to `MOST` with its double, crisply or by way of the autoencoder."""
    doubles = [doubted(scene, rng) for scene in scenes]
    seeds = rng.integers(2**32, size=len(scenes))
    first, second = draw_each(scenes, seeds), draw_each(doubles, seeds)
    share = rng.uniform(0, MOST, len(scenes))
    crisp = crisply(first, second, share)
    labels = outweighing(label(scenes), label(doubles), torch.from_numpy(share.astype(np.float32)))
    if vae is None:
        return Lessons(crisp, labels)
    slices = [slice(start, start + _BATCH) for start in range(0, len(scenes), _BATCH)]
    soft = np.concatenate([mix(vae, first[at], second[at], share[at], rng, noise) for at in slices])
    return Lessons(soft, _without(labels, damaged(crisp, soft)))


def crisply(first: Pixels, second: Pixels, share: Floats) -> Pixels:
    """Drawings mixed pixel by pixel, each of the first by its `share` (N,) with the second."""
    part = share.astype(np.float32)[:, None, None, None]
    return np.rint(first * (1 - part) + second * part).astype(np.uint8)


def outweighing(first: Labels, second: Labels, share: Tensor) -> Labels:
    """What a mixture of two drawings shows, whose second part has that share (N,), at most one half."""
    part = share.view(-1, 1, 1)
    shape, other = first.cells["shape"], second.cells["shape"]
    shape = torch.where((shape == _CIRCLE) & (other == _RING) & (part > HOLE), other, shape)
    paints = [_PAINTS[labels.cells["colour"].clamp(min=0)] for labels in (first, second)]
    mixed = paints[0].lerp(paints[1], part[..., None])
    nearest = torch.cdist(mixed.flatten(1, 2), _PAINTS).argmin(-1).view_as(shape)
    colour = torch.where(shape > 0, nearest, -1)
    return replace(first, cells={**first.cells, "shape": shape, "colour": colour})


def damaged(drawn: Pixels, given_back: Pixels) -> NDArray[np.bool_]:
    """Cells (N, 3, 3) that came back so changed that they may show something else."""
    change = torch.from_numpy(given_back.astype(np.float32) - drawn).permute(0, 3, 1, 2)
    blurred = torch.nn.functional.avg_pool2d(change, 3, stride=1, padding=1).abs().mean(1)
    most = blurred.view(-1, FRAME // CELL, CELL, FRAME // CELL, CELL).amax((2, 4))
    found: NDArray[np.bool_] = (most > _DAMAGED).numpy()
    return found


def _without(labels: Labels, cells: NDArray[np.bool_]) -> Labels:
    out = torch.from_numpy(cells)
    parts = {name: torch.where(out, -1, labels.cells[name]) for name in ("shape", "colour", "size")}
    return replace(labels, cells={**labels.cells, **parts})
