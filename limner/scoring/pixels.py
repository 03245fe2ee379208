"""Pictures as the published scorers want to see them: whole or cut to the middle, scaled, normalised.

Each function repeats what its scorer's own code does, to the bit, because a score is only comparable with published
ones if the model sees the same numbers: the usual centre crop changes an HPS v2 score by a third.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""CLIP's own, of each colour."""
THINNEST = 100
"""Longest over shortest side beyond which the ends, of which a centre crop shows nothing, are left out before."""

Prepare = Callable[[Sequence["Image"], int], "Tensor"]
"""RGB images and a side in pixels to float32 (N, 3, side, side)."""


def whole_frame(images: Sequence[Image], size: int) -> Tensor:
    """Pictures as HPS v2 sees them.

    First a tensor in [0, 1], then the longest side to `size` by antialiased bicubic interpolation (not clamped, as
    torchvision does not clamp float tensors), then zero padding to a square, then CLIP's mean and deviation.
    """
    return _normalised([_padded(_tensor(image), size) for image in images])


def centre_crop(images: Sequence[Image], size: int) -> Tensor:
    """Pictures as transformers' CLIPImageProcessor has them: shortest side to `size` by Pillow, then the middle."""
    return _normalised([_tensor(_middle(image, size, lambda over: over // 2)) for image in images])


def openai_crop(images: Sequence[Image], size: int) -> Tensor:
    """Pictures as OpenAI's `clip` prepares them: the same, but torchvision rounds the middle where it is halfway."""
    return _normalised([_tensor(_middle(image, size, lambda over: round(over / 2))) for image in images])


def _normalised(pixels: Sequence[Tensor]) -> Tensor:
    import torch

    mean, std = (torch.tensor(channel).view(3, 1, 1) for channel in (MEAN, STD))
    return torch.stack([(one - mean) / std for one in pixels])


def _tensor(image: Image) -> Tensor:
    """Float32 (3, height, width) in [0, 1]; contiguous, since interpolation rounds otherwise over other strides."""
    import torch

    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1).contiguous().float().div(255)


def _padded(pixels: Tensor, size: int) -> Tensor:
    from torch.nn.functional import interpolate, pad

    height, width = pixels.shape[1:]
    scale = size / max(height, width)
    new = (max(1, round(height * scale)), max(1, round(width * scale)))
    if new != (height, width):
        pixels = interpolate(pixels[None], new, mode="bicubic", antialias=True, align_corners=False)[0]
    down, across = size - new[0], size - new[1]
    return pad(pixels, (across // 2, across - across // 2, down // 2, down - down // 2))


def _middle(image: Image, size: int, begin: Callable[[int], int]) -> Image:
    """The middle square, `size` a side; `begin` says where it begins, from the pixels that are left over."""
    from PIL.Image import Resampling

    image = _less_thin(image)
    short = min(image.size)
    width, height = (size if side == short else int(size * side / short) for side in image.size)
    image = image.resize((width, height), Resampling.BICUBIC)
    left, top = begin(width - size), begin(height - size)
    return image.crop((left, top, left + size, top + size))


def _less_thin(image: Image) -> Image:
    longest = THINNEST * min(image.size)
    width, height = min(image.width, longest), min(image.height, longest)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image if (width, height) == image.size else image.crop((left, top, left + width, top + height))
