"""A user's own scorer from a function of (request, picture): five lines, nothing to inherit."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from limner.types import Failure, Picture, Query, Score, Terms

if TYPE_CHECKING:
    from PIL.Image import Image


def scorer_from_callable(
    fn: Callable[[str, Image], float | None], name: str, terms: Terms | None = None
) -> CallableScorer:
    """Wrap `fn(request text, RGB picture) -> score` as a scorer.

    Args:
        fn: returns the score on a scale of its own, larger is better; None or NaN when it cannot tell.
        name: identifies the function in ledgers and results: give it another name when you change what it does.
        terms: what a call costs; local and free unless told.
    """
    return CallableScorer(fn, name, terms or Terms())


class CallableScorer:
    """The scorer that `scorer_from_callable` makes."""

    def __init__(self, fn: Callable[[str, Image], float | None], name: str, terms: Terms) -> None:
        self._fn, self._name, self._terms = fn, name, terms

    @property
    def identity(self) -> str:
        """`callable:` and the name that the user gave."""
        return f"callable:{self._name}"

    @property
    def terms(self) -> Terms:
        """As given."""
        return self._terms

    def score(self, pairs: Sequence[tuple[Query, Picture]]) -> list[Score | Failure]:
        """Call the function for each pair; an exception of it is that picture's `Failure`, with its words."""
        return [self._one(query, picture) for query, picture in pairs]

    def _one(self, query: Query, picture: Picture) -> Score | Failure:
        try:
            image = picture.image()
        except OSError as error:
            return Failure("ScoringError", f"picture {picture.sha256[:12]} cannot be decoded: {error}")
        try:
            value = self._fn(query.text, image)
        except Exception as error:  # noqa: BLE001 - the user's own code, a boundary: told in the picture's place
            return Failure("ScoringError", f"{self.identity} raised {error!r} on picture {picture.sha256[:12]}")
        readable = value is not None and math.isfinite(value)
        return Score(self._name, float(value) if readable and value is not None else None)
