"""From the arrays that a pipeline gives to pictures that say what they were made from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from limner.types import Failure, Picture

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from limner.generation.pipeline import Drawn

SMALL = 256 * 256
"""Pixels up to which encoding in threads is not worth it."""


def finish(drawn: Drawn, encode: Callable[[int, Image], Picture], dtype: str) -> list[Picture | Failure]:
    """A picture of each array, by `encode(place, image)`; withheld ones and numbers that are none are failures."""

    def one(place: int) -> Picture | Failure:
        problem = _problem(drawn.images[place], drawn.withheld[place], dtype)
        return Failure("GenerationError", problem) if problem else encode(place, as_image(drawn.images[place]))

    places = range(len(drawn.images))
    return [one(place) for place in places] if _are_small(drawn.images) else _in_threads(one, places)


def as_image(array: NDArray[np.float32]) -> Image:
    """Floats in [0, 1], shape (height, width, 3), as an RGB image."""
    import numpy as np
    from PIL import Image

    return Image.fromarray((array * 255).round().astype(np.uint8))


def _problem(image: NDArray[np.float32], withheld: bool, dtype: str) -> str | None:
    import numpy as np

    if withheld:
        return "The pipeline's safety checker withheld the picture. Change the prompt."
    if not np.isfinite(image).all():
        return f"The picture has values that are no numbers (dtype {dtype}). Try float32."
    return None


def _are_small(images: NDArray[np.float32]) -> bool:
    return bool(images.shape[1] * images.shape[2] <= SMALL)


def _in_threads(one: Callable[[int], Picture | Failure], places: Sequence[int]) -> list[Picture | Failure]:
    with ThreadPoolExecutor(len(places)) as pool:
        return list(pool.map(one, places))
