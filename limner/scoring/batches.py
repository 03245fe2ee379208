"""What every local scorer does around its model: cut into batches, decode, put failures in their places."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from limner.types import Failure, Picture, Query, Score

if TYPE_CHECKING:
    from PIL.Image import Image

Judge = Callable[[Sequence["tuple[Query, Image]"]], Sequence[Score]]


def score_in_batches(pairs: Sequence[tuple[Query, Picture]], batch: int, judge: Judge) -> list[Score | Failure]:
    """Judge decoded pictures, `batch` at a time; one that cannot be decoded is a `Failure` in its place."""
    scores: list[Score | Failure] = []
    for start in range(0, len(pairs), batch):
        part = [(query, decoded(picture)) for query, picture in pairs[start : start + batch]]
        whole = [(query, image) for query, image in part if not isinstance(image, Failure)]
        judged = iter(judge(whole) if whole else ())
        scores += [image if isinstance(image, Failure) else next(judged) for _, image in part]
    return scores


def decoded(picture: Picture) -> Image | Failure:
    """The picture's pixels, or why there are none."""
    try:
        return picture.image()
    except OSError as error:
        return Failure("ScoringError", f"picture {picture.sha256[:12]} cannot be decoded: {error}")


def readable(value: float) -> float | None:
    """The value, or None for one that is not finite: a model that overflowed has said nothing."""
    return value if math.isfinite(value) else None
