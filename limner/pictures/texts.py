"""The texts that a picture file carries: chunks of a PNG, EXIF and XMP of a JPEG or WebP.

No pixel is decoded. Compressed text is unpacked up to a limit and no further, so a few bytes cannot fill the memory.
"""

from __future__ import annotations

import io
import zlib
from typing import Any

from limner.errors import PictureError
from limner.pictures.chunks import MAX_TEXT, SIGNATURE, Chunk, text_chunks

_COMMENT, _EXIF = 0x9286, 0x8769
_CODES = {b"UNICODE\0": "utf-16-be", b"ASCII\0\0\0": "ascii", b"JIS\0\0\0\0\0": "shift-jis"}
"""How EXIF says what a comment is written in; other eight bytes are UTF-8's."""


def texts(data: bytes) -> dict[str, str]:
    """Texts by keyword, the first of a keyword; a JPEG's or WebP's comment is called `parameters`, as its writers do.

    Raises:
        PictureError: no PNG, JPEG or WebP, cut off, damaged, or with too much text.
    """
    if data.startswith(SIGNATURE):
        found: dict[str, str] = {}
        for chunk in text_chunks(data, whole=True):
            keyword, text = _decoded(chunk)
            found.setdefault(keyword, text)
        return found
    if data.startswith(b"\xff\xd8\xff") or (data[:4] == b"RIFF" and data[8:12] == b"WEBP"):
        return _bounded(_from_exif(data))
    raise PictureError(f"Not a PNG, JPEG or WebP file: it begins with {data[:8]!r}. Name a picture.")


def _from_exif(data: bytes) -> dict[str, str]:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            exif, xmp = image.getexif(), image.info.get("xmp")
            comment: Any = exif.get_ifd(_EXIF).get(_COMMENT)
    except Exception as error:
        raise PictureError(f"The picture cannot be read: {error}. Fetch it again.") from error
    found = {}
    if comment:
        found["parameters"] = _comment(comment)
    for value in (text for text in exif.values() if isinstance(text, str)):
        name, colon, text = value.partition(":")  # ComfyUI's WebP has its entries in tags of the camera
        if colon and name in ("prompt", "workflow"):
            found[name] = text.rstrip("\0")
    if isinstance(xmp, bytes):
        found["XML:com.adobe.xmp"] = xmp.decode("utf-8", errors="replace")
    return found


def _comment(value: bytes | str) -> str:
    if isinstance(value, str):
        return value
    code, text = value[:8], value[8:]
    if code == b"UNICODE\0" and text[1:2] == b"\0":  # big-endian is the rule, and some write the other way
        return text.decode("utf-16-le", errors="replace")
    if code in _CODES:
        return text.decode(_CODES[code], errors="replace").rstrip("\0")
    return value.decode("utf-8", errors="replace")


def _bounded(found: dict[str, str]) -> dict[str, str]:
    for name, text in found.items():
        if len(text) > MAX_TEXT:
            raise PictureError(f"The picture's {name} has {len(text)} characters; at most {MAX_TEXT} are read.")
    return found


def _decoded(chunk: Chunk) -> tuple[str, str]:
    keyword, _, rest = bytes(chunk.payload).partition(b"\0")
    name = keyword.decode("latin-1")
    if chunk.kind == b"tEXt":
        return name, _eight_bit(rest)
    if chunk.kind == b"zTXt":
        return name, _unpacked(name, rest[1:]).decode("latin-1")
    fields = rest[2:].split(b"\0", 2)
    text = fields[2] if len(fields) == 3 else b""
    return name, (_unpacked(name, text) if rest[:1] == b"\1" else text).decode("utf-8", errors="replace")


def _eight_bit(text: bytes) -> str:
    """Latin-1 by the standard; some programs write UTF-8 all the same."""
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("latin-1")


def _unpacked(name: str, packed: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(packed, MAX_TEXT)
    except zlib.error as error:
        raise PictureError(f"The compressed entry {name!r} is damaged ({error}). Strip its metadata.") from error
    if unpacker.unconsumed_tail:
        raise PictureError(f"The compressed entry {name!r} unpacks to more than {MAX_TEXT} bytes. Strip its metadata.")
    return text
