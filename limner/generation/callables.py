"""A user's own function as a generator."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from limner.errors import GenerationError
from limner.pictures import encode
from limner.protocols import Generator
from limner.types import Failure, Picture, Recipe, Terms

if TYPE_CHECKING:
    from PIL.Image import Image

_log = logging.getLogger(__name__)


def from_callable(function: Callable[[Recipe], Image], name: str) -> Generator:
    """A generator that draws with `function`; an exception from it is that picture's `Failure`.

    `name` is the model's identity: give another one when the function changes, or recorded pictures come back.
    """
    return _Callable(function, name)


class _Callable:
    def __init__(self, function: Callable[[Recipe], Image], name: str) -> None:
        self._function = function
        self.identity = f"callable:{name}"
        self.terms = Terms()

    def generate(self, recipes: Sequence[Recipe]) -> list[Picture | Failure]:
        return [self._draw(recipe) for recipe in recipes]

    def _draw(self, recipe: Recipe) -> Picture | Failure:
        from PIL.Image import Image

        try:
            image = self._function(recipe)
        except Exception as error:  # noqa: BLE001 - a user's code is a boundary
            _log.exception("%s failed on seed %d", self.identity, recipe.seed)
            return Failure(type(error).__name__, str(error))
        if not isinstance(image, Image):
            raise GenerationError(f"{self.identity} returned {image!r}. Return a PIL.Image.Image.")
        return Picture(encode(image, recipe, self.identity), recipe, self.identity)
