"""The request that a picture file says it was drawn for: Limner's own entry, Fooocus' own words, or a `Raw prompt`.

The prompt that was drawn is no request: pictures are judged by what the person asked for.
"""

from __future__ import annotations

from limner.errors import PictureError
from limner.pictures.files import inspect


def request_in(data: bytes) -> str | None:
    """The request, or None where a file says none, or what it says cannot be believed."""
    try:
        said = inspect(data)
    except PictureError:
        return None
    return said.query if said else None
