"""Composites: what lies outside the feathered mask is the original's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from limner.errors import PictureError
from limner.pictures import composite, feathered

SIDE = 12
PIXELS = arrays(np.uint8, (SIDE, SIDE, 3))
MASKS = arrays(np.bool_, (SIDE, SIDE))


def as_mask(chosen: np.ndarray) -> Image.Image:
    return Image.fromarray(np.where(chosen, 255, 0).astype(np.uint8))


def away(chosen: np.ndarray) -> np.ndarray:
    """How many steps, diagonal ones too, each pixel is from the nearest chosen one."""
    rows, columns = np.indices(chosen.shape)
    steps = [np.maximum(abs(rows - row), abs(columns - column)) for row, column in np.argwhere(chosen)]
    return np.min(steps, axis=0) if steps else np.full(chosen.shape, 2 * SIDE)


@given(PIXELS, PIXELS, MASKS, st.integers(0, 4))
def test_pixels_are_the_originals_outside_and_the_edited_ones_inside(original, edited, chosen, feather):
    pictures = (Image.fromarray(original), Image.fromarray(edited))
    made = np.asarray(composite(*pictures, as_mask(chosen), feather))
    outside = away(chosen) > feather
    assert np.array_equal(made[outside], original[outside])
    assert np.array_equal(made[chosen], edited[chosen])
    low, high = np.minimum(original, edited), np.maximum(original, edited)
    assert ((low <= made) & (made <= high)).all()


@given(MASKS, st.integers(0, 4))
def test_the_rim_fades_outwards(chosen, feather):
    weight = np.asarray(feathered(as_mask(chosen), feather)).astype(int)
    steps = away(chosen)
    expected = np.round(255 * np.clip(1 - steps / (feather + 1), 0, 1))
    assert np.array_equal(weight, expected)


def test_sizes_must_agree():
    small, large = Image.new("RGB", (4, 4)), Image.new("RGB", (8, 8))
    with pytest.raises(PictureError, match="one size"):
        composite(large, small, Image.new("L", (8, 8)), 1)


def test_a_rim_has_no_negative_width():
    with pytest.raises(PictureError, match="feather=-1"):
        feathered(Image.new("L", (4, 4)), -1)
