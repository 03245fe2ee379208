"""The second reader: reads a picture of the embedded world as the oracle does, on another principle.

The oracle fits the renderer's outlines to each cell; this is a small convolutional network that has learnt from
drawings alone what stands in each cell, on what ground, and whether it is well drawn. It never learnt from a reading
of the oracle nor from a painter's picture, so that agreement of the two says something about both.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from limner.microworld.law import COLOURS, GROUNDS, SHAPES, SIZES, Thing
from limner.microworld.oracle import UNCLEAR, Reading, Unclear, as_pixels

FILE = Path(__file__).parent / "weights" / "reader" / "model.safetensors"
"""The shipped weights, in half precision."""
SURE = 0.5
"""Probability below which a cell's shape, colour or size leaves it unclear, and the ground or the quality None."""
_BATCH = 256
_SHAPES, _COLOURS, _SIZES, _GROUNDS = (tuple(words) for words in (SHAPES, COLOURS, SIZES, GROUNDS))


class Logits(NamedTuple):
    """What the network says of each cell and of the frame.

    shape (N, 9, 6; 0 is an empty cell), colour (N, 9, 8), size (N, 9, 2), ground (N, 4), well drawn (N,).
    """

    shape: Tensor
    colour: Tensor
    size: Tensor
    ground: Tensor
    well: Tensor


class Net(nn.Module):
    """Convolutions from 48 x 48 pixels down to the 3 x 3 cells (140 k parameters); each cell sees its surroundings."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            *_layer(3, 32, 5, stride=2),
            *_layer(32, 32, 3),
            *_layer(32, 48, 3, stride=2),
            *_layer(48, 48, 3),
            *_layer(48, 64, 3, stride=2),
            *_layer(64, 64, 3),
            *_layer(64, 96, 2, stride=2),
        )
        self.cell = nn.Conv2d(96, 1 + len(SHAPES) + len(COLOURS) + len(SIZES), 1)
        self.frame = nn.Linear(2 * 96, len(GROUNDS) + 1)

    def forward(self, pixels: Tensor) -> Logits:
        """Look at pictures, float (N, 3, 48, 48) with values 0..255."""
        seen = self.trunk(pixels / 127.5 - 1)
        cells = self.cell(seen).flatten(2).transpose(1, 2)
        shape, colour, size = cells.split((1 + len(SHAPES), len(COLOURS), len(SIZES)), -1)
        frame = self.frame(torch.cat([seen.mean((2, 3)), seen.amax((2, 3))], 1))
        return Logits(shape, colour, size, frame[:, :-1], frame[:, -1])


def _layer(before: int, after: int, across: int, stride: int = 1) -> tuple[nn.Module, ...]:
    padding = across // 2 if across % 2 else 0
    return nn.Conv2d(before, after, across, stride, padding, bias=False), nn.BatchNorm2d(after), nn.ReLU()


@lru_cache(maxsize=1)
def load(path: Path = FILE) -> Net:
    """The trained network, in single precision."""
    from safetensors.torch import load_file

    net = Net()
    net.load_state_dict(load_file(path))
    return net.eval()


@torch.no_grad()
def read(
    pictures: Sequence[Image.Image | NDArray[np.uint8]], sure: float = SURE, net: Net | None = None
) -> list[Reading]:
    """Read pictures (any size and mode, as the oracle takes them); what is less probable than `sure` is unclear."""
    net = net or load()
    readings: list[Reading] = []
    for start in range(0, len(pictures), _BATCH):
        pixels = np.stack([as_pixels(picture) for picture in pictures[start : start + _BATCH]])
        logits = net(torch.from_numpy(pixels).permute(0, 3, 1, 2).float())
        readings += _readings(logits, sure)
    return readings


def _readings(logits: Logits, sure: float) -> list[Reading]:
    likely = [part.softmax(-1).max(-1) for part in logits[:4]]
    (p_shape, shape), (p_colour, colour), (p_size, size), (p_ground, ground) = (
        (best.values.numpy(), best.indices.numpy()) for best in likely
    )
    p_cell = np.where(shape == 0, p_shape, np.minimum(p_shape, np.minimum(p_colour, p_size)))
    p_well = logits.well.sigmoid().numpy()
    readings = []
    for n in range(len(p_well)):
        cells = tuple(
            _cell(cell, shape[n, cell], colour[n, cell], size[n, cell]) if p_cell[n, cell] >= sure else UNCLEAR
            for cell in range(9)
        )
        well = bool(p_well[n] >= 0.5) if max(p_well[n], 1 - p_well[n]) >= sure else None
        readings.append(Reading(cells, _GROUNDS[ground[n]] if p_ground[n] >= sure else None, well))
    return readings


def _cell(cell: int, shape: int, colour: int, size: int) -> Thing | Unclear | None:
    return None if shape == 0 else Thing(_SHAPES[shape - 1], _COLOURS[colour], _SIZES[size], cell)
