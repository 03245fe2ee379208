"""The request that a picture file says it was drawn for: our own entry, else the `Raw prompt` of `parameters`.

The prompt that was drawn is no request: pictures are judged by what the person asked for.
"""

from __future__ import annotations

import json
import re

from limner.errors import PictureError
from limner.pictures.chunks import SIGNATURE, read_text
from limner.pictures.files import read

_RAW_PROMPT = re.compile(r'(?:^|, )Raw prompt: ("(?:[^"\\]|\\.)*"|[^,\n]+)', re.MULTILINE)


def request_in(data: bytes) -> str | None:
    """The request, or None where a file says none (or is no PNG, or what it says cannot be believed)."""
    if not data.startswith(SIGNATURE):
        return None
    try:
        ours = read(data)
    except PictureError:
        ours = None
    if ours is not None and ours.query:
        return ours.query
    try:
        said = _RAW_PROMPT.search(read_text(data).get("parameters", ""))
    except PictureError:
        return None
    return _unquoted(said[1]) or None if said else None


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value.strip()
    try:
        return str(json.loads(value, strict=False))
    except ValueError:
        return ""
