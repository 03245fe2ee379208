"""Putting the changed part of an edited picture into the original, so that nothing else changes.

Inpainting sends the whole picture through an autoencoder, which changes pixels far from the mask too. Here only the
mask and its soft rim are taken from the edited picture; every pixel beyond is the original's, byte for byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from limner.errors import PictureError

if TYPE_CHECKING:
    from PIL.Image import Image


def composite(original: Image, edited: Image, mask: Image, feather: int) -> Image:
    """The edited picture where the feathered mask is, the original elsewhere; RGB.

    Where the mask is white the pixels are the edited picture's, where the feathered mask is black the original's, and
    between them a mixture.

    Raises:
        PictureError: the three differ in size, or feather is negative.
    """
    from PIL import Image

    if not original.size == edited.size == mask.size:
        raise PictureError(
            f"A composite needs pictures of one size; got original {original.size}, edited {edited.size}, mask "
            f"{mask.size}. Resize the edited picture and the mask to the original."
        )
    return Image.composite(edited.convert("RGB"), original.convert("RGB"), feathered(mask, feather))


def feathered(mask: Image, feather: int) -> Image:
    """The mask (white is what changes) as mode L with a rim `feather` pixels wide in which it fades out.

    All of the rim lies outside, because what is to be replaced may fill the mask to its edge.

    Raises:
        PictureError: feather is negative.
    """
    import numpy as np
    from PIL import Image, ImageFilter

    if feather < 0:
        raise PictureError(f"feather={feather}: choose a rim of 0 or more pixels.")
    grown = mask.convert("L")
    total = np.asarray(grown, np.float64)
    for _ in range(feather):
        grown = grown.filter(ImageFilter.MaxFilter(3))
        total = total + np.asarray(grown, np.float64)
    return Image.fromarray(np.round(total / (feather + 1)).astype(np.uint8))
