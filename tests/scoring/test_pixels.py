"""Pixels are held against the published code: transformers' own processor, and torchvision's rules restated."""

import numpy as np
import pytest
import torch
from PIL import Image

from limner.scoring.pixels import MEAN, STD, centre_crop, openai_crop, whole_frame

SIZES = [(48, 48), (97, 61), (61, 97), (33, 200), (301, 47), (20, 30)]


def _noise(size):
    return Image.fromarray(np.random.default_rng(sum(size)).integers(0, 256, (*size[::-1], 3), dtype=np.uint8))


@pytest.mark.parametrize("size", SIZES)
def test_centre_crop_is_transformers_processor_to_the_bit(size):
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    processor = CLIPImageProcessorPil(
        size={"shortest_edge": 48}, crop_size={"height": 48, "width": 48}, image_mean=MEAN, image_std=STD
    )
    theirs = torch.as_tensor(np.array(processor(_noise(size))["pixel_values"]))
    assert torch.allclose(centre_crop([_noise(size)], 48), theirs, atol=3e-7)


@pytest.mark.parametrize(("size", "left"), [((51, 48), 2), ((53, 48), 2), ((49, 48), 0)])
def test_openai_crop_rounds_the_middle_to_even(size, left):
    image = _noise(size)
    pixels = openai_crop([image], 48)
    expected = openai_crop([image.crop((left, 0, left + 48, 48))], 48)
    assert torch.equal(pixels, expected)


@pytest.mark.parametrize("prepare", [whole_frame, centre_crop, openai_crop])
@pytest.mark.parametrize("size", [(1, 1), (3, 900), (900, 1), (20_000, 2)])
def test_any_shape_fits(prepare, size):
    pixels = prepare([Image.new("RGB", size, "white")], 48)
    assert pixels.shape == (1, 3, 48, 48)
    assert torch.isfinite(pixels).all()


def test_whole_frame_is_torchvisions_arithmetic_to_the_bit():
    image = _noise((97, 61))
    plain = torch.from_numpy(np.array(image, np.uint8, copy=True)).permute(2, 0, 1).contiguous().float().div(255)
    small = torch.nn.functional.interpolate(plain[None], (30, 48), mode="bicubic", align_corners=False, antialias=True)
    padded = torch.nn.functional.pad(small[0], (0, 0, 9, 9))
    mean, std = (torch.tensor(one)[:, None, None] for one in (MEAN, STD))
    assert torch.equal(whole_frame([image], 48)[0], padded.sub(mean).div(std))
