"""Pictures by the embedded painter with what the oracle read in them: each drawn once, however many measures use it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

from limner.errors import GenerationError
from limner.microworld.oracle import Reading, read
from limner.protocols import Generator
from limner.types import Picture, Prompt, Recipe

_log = logging.getLogger(__name__)


class Shown(NamedTuple):
    """A picture, and what the oracle read in it."""

    picture: Picture
    reading: Reading


class Gallery:
    """Draws prompts and remembers the pictures."""

    def __init__(self, generator: Generator) -> None:
        """Take the painter as a generator."""
        self._generator = generator
        self._shown: dict[Recipe, Shown] = {}

    def show(self, prompts: Sequence[str], seed: int) -> list[Shown]:
        """A picture for each prompt, the first by this seed and each next one by one more.

        Raises:
            GenerationError: a picture could not be drawn.
        """
        recipes = [Recipe(Prompt(text), seed + number) for number, text in enumerate(prompts)]
        new = [recipe for recipe in recipes if recipe not in self._shown]
        for recipe, picture in zip(new, self._generator.generate(new), strict=True):
            if not isinstance(picture, Picture):
                raise GenerationError(f"the painter did not draw {recipe.prompt.text!r}: {picture.reason}")
            self._shown[recipe] = Shown(picture, read(picture.image()))
        _log.info("%d pictures drawn", len(self._shown))
        return [self._shown[recipe] for recipe in recipes]

    def readings(self, prompts: Sequence[str], seed: int) -> list[Reading]:
        """What the oracle read in those pictures."""
        return [shown.reading for shown in self.show(prompts, seed)]

    @property
    def shown(self) -> tuple[Shown, ...]:
        """All pictures drawn so far, in the order of drawing."""
        return tuple(self._shown.values())
