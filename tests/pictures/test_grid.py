"""Contact sheets."""

from collections.abc import Sequence

import pytest
from PIL import Image

from limner.errors import PictureError
from limner.pictures import grid


def squares(*colours: str) -> list[Image.Image]:
    return [Image.new("RGB", (4, 4), colour) for colour in colours]


def test_images_stand_row_by_row() -> None:
    sheet = grid(squares("red", "lime", "blue"), columns=2, scale=3)
    assert sheet.size == (2 * 12 + 2, 2 * 12 + 2)
    spots = [(0, 0), (14, 0), (0, 14), (14, 14), (12, 0)]
    assert [sheet.getpixel(spot) for spot in spots] == [
        (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (255, 255, 255),
    ]  # fmt: skip


def test_no_more_columns_than_images() -> None:
    assert grid(squares("red"), columns=8).size == (4, 4)


def test_smaller_images_stand_in_the_middle() -> None:
    sheet = grid([Image.new("RGB", (8, 8), "red"), Image.new("L", (2, 2), 0)], columns=2)
    assert sheet.getpixel((10 + 3, 3)) == (0, 0, 0)
    assert sheet.getpixel((10, 0)) == (255, 255, 255)


@pytest.mark.parametrize(("images", "columns", "scale"), [([], 2, 1), (squares("red"), 0, 1), (squares("red"), 1, 0)])
def test_nothing_to_lay_out(images: Sequence[Image.Image], columns: int, scale: int) -> None:
    with pytest.raises(PictureError, match="at least 1"):
        grid(images, columns, scale)
