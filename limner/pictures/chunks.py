"""Text chunks of PNG files, read and replaced without touching pixels.

The pixel chunks are copied byte for byte, so the picture stays the same to the bit and nothing is decoded. Files may
come from strangers: lengths and checksums are checked, and sizes are bounded before anything is kept.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from limner.errors import PictureError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_TEXT = 1_000_000
"""Bytes of one text chunk that are believed; Pillow refuses longer ones too."""
MAX_TEXT_CHUNKS = 64


class Chunk(NamedTuple):
    """One chunk: its type, its payload, and its whole encoding (length, type, payload, checksum)."""

    kind: bytes
    payload: memoryview
    whole: memoryview


def read_text(png: bytes) -> dict[str, str]:
    """The uncompressed text entries before the pixels, by keyword; the first of a keyword counts.

    Raises:
        PictureError: not a PNG, cut off, damaged, or with too much text.
    """
    texts: dict[str, str] = {}
    for chunk in text_chunks(png):
        keyword, text = _decode(chunk)
        if text is not None:
            texts.setdefault(keyword, text)
    return texts


def replace_text(png: bytes, texts: Mapping[str, str], drop: Collection[str] = ()) -> bytes:
    """The same picture with `texts` as its entries of these keywords, right after the header; `drop` are removed.

    Other text entries stay. Entries are written in the order given: tEXt where Latin-1 suffices, else iTXt.

    Raises:
        PictureError: not a PNG, cut off or damaged.
    """
    gone = {*texts, *drop}
    parts: list[bytes | memoryview] = [SIGNATURE]
    for chunk in _chunks(png):
        if chunk.kind not in (b"tEXt", b"iTXt", b"zTXt") or _keyword(chunk) not in gone:
            parts.append(chunk.whole)
        if chunk.kind == b"IHDR":
            parts += [_encode(keyword, text) for keyword, text in texts.items()]
    return b"".join(parts)


def text_chunks(png: bytes, *, whole: bool = False) -> Iterator[Chunk]:
    """The text entries before the pixels, uncompressed kinds alone; `whole`: of every kind, also after the pixels.

    Raises:
        PictureError: not a PNG, cut off, damaged, or with too much text.
    """
    kinds = (b"tEXt", b"iTXt", b"zTXt") if whole else (b"tEXt", b"iTXt")
    number = 0
    for chunk in _chunks(png):
        if chunk.kind == b"IDAT" and not whole:
            return
        if chunk.kind in kinds:
            number += 1
            if len(chunk.payload) > MAX_TEXT or number > MAX_TEXT_CHUNKS:
                raise PictureError(
                    f"The PNG holds too much text ({len(chunk.payload)} bytes in entry {number}; at most {MAX_TEXT} "
                    f"bytes and {MAX_TEXT_CHUNKS} entries are read). Save it again without its metadata."
                )
            yield chunk


def _chunks(png: bytes) -> Iterator[Chunk]:
    if not png.startswith(SIGNATURE):
        raise PictureError(f"Not a PNG file: it begins with {png[:8]!r}. Convert the picture to PNG first.")
    view = memoryview(png)
    at = len(SIGNATURE)
    while at < len(png):
        if at + 12 > len(png) or (end := at + 12 + struct.unpack_from(">I", png, at)[0]) > len(png):
            raise PictureError(f"The PNG is cut off at byte {at} of {len(png)}. Fetch or draw it again.")
        kind = bytes(view[at + 4 : at + 8])
        if zlib.crc32(view[at + 4 : end - 4]) != struct.unpack_from(">I", png, end - 4)[0]:
            raise PictureError(f"The PNG is damaged: wrong checksum of chunk {kind!r} at byte {at}. Fetch it again.")
        yield Chunk(kind, view[at + 8 : end - 4], view[at:end])
        if kind == b"IEND":
            return
        at = end
    raise PictureError(f"The PNG has no end chunk within its {len(png)} bytes. Fetch or draw it again.")


def _keyword(chunk: Chunk) -> str:
    return bytes(chunk.payload[:80]).split(b"\0", 1)[0].decode("latin-1")


def _decode(chunk: Chunk) -> tuple[str, str | None]:
    """Keyword and text; None for compressed text, which is never unpacked."""
    keyword, _, rest = bytes(chunk.payload).partition(b"\0")
    name = keyword.decode("latin-1")
    if chunk.kind == b"tEXt":
        return name, rest.decode("latin-1")
    compressed, fields = rest[:1] != b"\0", rest[2:].split(b"\0", 2)
    if compressed or len(fields) != 3:
        return name, None
    return name, fields[2].decode("utf-8", errors="replace")


def _encode(keyword: str, text: str) -> bytes:
    clean = text.replace("\0", " ")
    try:
        kind, payload = b"tEXt", keyword.encode("latin-1") + b"\0" + clean.encode("latin-1")
    except UnicodeEncodeError:
        kind, payload = b"iTXt", keyword.encode("latin-1") + b"\0\0\0\0\0" + clean.encode("utf-8", errors="replace")
    body = kind + payload
    return struct.pack(">I", len(payload)) + body + struct.pack(">I", zlib.crc32(body))
