"""The same request drawn in each column: thumbnails as data URIs within a size budget, prompts and scores.

Small pictures are embedded pixel for pixel and enlarged crisply by the page; large ones are scaled down.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from limner.errors import CorruptSession
from limner.results import COLUMNS, EvolveResult, Example, Heard, Shot
from limner.tracing.report.figures import number
from limner.tracing.report.words import Piece, diff
from limner.types import Picture

LARGEST = 320
"""Longest side of a thumbnail, in pixels."""
SMALL = 128
"""Up to here a picture is shown with its pixels as squares."""


class Thumbnail(NamedTuple):
    """An embedded picture; `pixelated` asks the page for crisp enlargement."""

    uri: str
    width: int
    height: int
    pixelated: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """One column's picture of a request, or why there is none."""

    column: str
    thumbnail: Thumbnail | None
    missing: str
    changes: list[Piece]
    negative: str
    reward: str
    taste: str
    questions: str
    best: bool
    evidence: tuple[Heard, ...] = ()


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One request with its frames; `gain` is evolved minus start in reward, None if either is unscored."""

    number: int
    query: str
    gain: float | None
    gain_text: str
    frames: tuple[Frame, ...]


@dataclass(frozen=True, slots=True)
class Gallery:
    """All requests; `left_out` counts the pictures that did not fit into the budget."""

    exhibits: tuple[Exhibit, ...]
    left_out: int
    unreadable: int


def gallery(result: EvolveResult, picture: Callable[[str], Picture], budget: int) -> Gallery:
    """Embed pictures in the order of the requests until `budget` bytes of data URIs are used."""
    desk = _Desk(picture, budget)
    exhibits = tuple(_exhibit(place, example, desk) for place, example in enumerate(result.examples, 1))
    return Gallery(exhibits, desk.left_out, desk.unreadable)


class _Desk:
    """Where thumbnails are made and paid for."""

    def __init__(self, picture: Callable[[str], Picture], budget: int) -> None:
        self._picture = picture
        self._budget = budget
        self._made: dict[str, Thumbnail] = {}
        self._full = False
        self.left_out = 0
        self.unreadable = 0

    def thumbnail(self, sha256: str) -> tuple[Thumbnail | None, str]:
        """The thumbnail of a stored picture, or None with the reason."""
        if sha256 in self._made:
            return self._made[sha256], ""
        if self._full:
            self.left_out += 1
            return None, "left out to keep this file small"
        try:
            made = thumbnail(self._picture(sha256))
        except (CorruptSession, OSError) as error:  # Pillow's "not a picture" is an OSError
            self.unreadable += 1
            return None, f"cannot be read: {error}"
        if len(made.uri) > self._budget:
            self._full = True  # the requests after this one stay without pictures, rather than some of them at random
            return self.thumbnail(sha256)
        self._budget -= len(made.uri)
        self._made[sha256] = made
        return made, ""


def thumbnail(picture: Picture) -> Thumbnail:
    """A picture as a data URI, without its metadata."""
    image = picture.image()
    width, height = image.size
    small = max(width, height) <= SMALL
    file = io.BytesIO()
    if small:
        image.save(file, "PNG", optimize=True)
    else:
        image.thumbnail((LARGEST, LARGEST))
        image.save(file, "WEBP", quality=82)
    kind = "png" if small else "webp"
    return Thumbnail(f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}", width, height, small)


def _exhibit(place: int, example: Example, desk: _Desk) -> Exhibit:
    shots = {name: example.shots[name] for name in COLUMNS if name in example.shots}
    rewards = [shot.reward for shot in shots.values() if shot.reward is not None]
    best = max(rewards, default=None)
    start, evolved = (shots[name].reward if name in shots else None for name in ("start", "evolved"))
    gain = None if start is None or evolved is None else evolved - start
    frames = tuple(_frame(name, shot, example.query.text, best, desk) for name, shot in shots.items())
    return Exhibit(place, example.query.text, gain, number(gain, sign=True), frames)


def _frame(name: str, shot: Shot, query: str, best: float | None, desk: _Desk) -> Frame:
    made, missing = (None, "not drawn") if shot.picture is None else desk.thumbnail(shot.picture)
    return Frame(
        column=name,
        thumbnail=made,
        missing=missing,
        changes=diff(query, shot.prompt.text),
        negative=shot.prompt.negative,
        reward=number(shot.reward),
        taste=number(shot.taste),
        questions=number(shot.questions),
        best=best is not None and shot.reward == best,
        evidence=shot.evidence,
    )


def pairs(shown: Gallery, count: int) -> Iterator[tuple[Exhibit, Frame, Frame]]:
    """The first `count` requests with pictures of both start and evolved: in order, not picked by result."""
    for exhibit in shown.exhibits:
        by_name = {frame.column: frame for frame in exhibit.frames if frame.thumbnail}
        if count and "start" in by_name and "evolved" in by_name:
            count -= 1
            yield exhibit, by_name["start"], by_name["evolved"]
