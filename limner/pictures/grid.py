"""Contact sheets: many pictures side by side in one image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from limner.errors import PictureError

if TYPE_CHECKING:
    from PIL.Image import Image

GAP = 2
"""White pixels between cells."""


def grid(images: Sequence[Image], columns: int, scale: int = 1) -> Image:
    """Lay images out row by row, `columns` wide, each enlarged `scale` times with sharp pixels.

    Cells are as large as the largest image; smaller ones stand in the middle of theirs.

    Raises:
        PictureError: no images, or columns or scale below 1.
    """
    from PIL import Image

    if not images or columns < 1 or scale < 1:
        raise PictureError(
            f"A grid needs an image, a column and a scale of at least 1; got {len(images)} images, columns={columns}, "
            f"scale={scale}."
        )
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    width, height = (max(getattr(image, side) for image in images) * scale for side in ("width", "height"))
    sheet = Image.new("RGB", (columns * (width + GAP) - GAP, rows * (height + GAP) - GAP), "white")
    for number, image in enumerate(images):
        row, column = divmod(number, columns)
        cell = image.convert("RGB").resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)
        left = column * (width + GAP) + (width - cell.width) // 2
        sheet.paste(cell, (left, row * (height + GAP) + (height - cell.height) // 2))
    return sheet
