"""Pictures that somebody brings to be judged: read, named, and each with the request that it answers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from limner import pictures
from limner.errors import PictureError, QueryError
from limner.graph.queries import checked
from limner.types import Picture, Prompt, Query, Recipe

if TYPE_CHECKING:
    from PIL.Image import Image


class Brought(NamedTuple):
    """One picture: its path (or `picture 3`), and either its bytes with the request, or why it cannot be read."""

    name: str
    picture: Picture | None
    query: Query | None
    problem: str | None = None


def brought(
    given: Sequence[str | os.PathLike[str] | Image | Picture], query: str | Sequence[str] | None
) -> list[Brought]:
    """Read pictures and find the request of each; those that cannot be read say why.

    Args:
        given: paths, Pillow images or pictures.
        query: one request for all, one for each, or None: what each picture says of itself.

    Raises:
        QueryError: no pictures, a readable picture without a request, or not one request for each picture.
    """
    if not given:
        raise QueryError("There are no pictures. Name some files.")
    if query is not None and not isinstance(query, str) and len(query) != len(given):
        raise QueryError(
            f"There are {len(given)} pictures and {len(query)} requests. Give one request, or one for each."
        )
    asked = [query] * len(given) if query is None or isinstance(query, str) else list(query)
    found = [_one(number, one, text) for number, (one, text) in enumerate(zip(given, asked, strict=True), 1)]
    silent = [one.name for one in found if one.picture is not None and one.query is None]
    if silent:
        raise QueryError(
            f"{silent[0]}{f' and {len(silent) - 1} others' if len(silent) > 1 else ''} does not say for which request "
            "it was drawn, and there is no score without one. Say it with --query (query=... in Python)."
        )
    return found


def _one(number: int, given: str | os.PathLike[str] | Image | Picture, asked: str | None) -> Brought:
    name = str(given) if isinstance(given, str | os.PathLike) else f"picture {number}"
    try:
        picture = _picture(given)
    except (PictureError, OSError) as error:
        return Brought(name, None, None, str(error))
    text = asked if asked is not None else pictures.request_in(picture.png)
    return Brought(name, picture, checked([text])[0] if text is not None else None)


def _picture(given: str | os.PathLike[str] | Image | Picture) -> Picture:
    if isinstance(given, Picture):
        given.image()  # which is refused here rather than by a judge
        return given
    if isinstance(given, str | os.PathLike):
        return pictures.open_picture(given)
    unknown = Recipe(Prompt(""), 0)
    return Picture(pictures.encode(given, unknown, pictures.UNKNOWN), unknown, pictures.UNKNOWN)
