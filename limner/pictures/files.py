"""Pictures as PNG files that say what they were made from.

The same image and metadata give the same bytes, since a picture's identity is the hash of its stored bytes. Metadata
stands uncompressed before the pixels: `parameters` for other people's tools, `limner` for ours; never `prompt` or
`workflow`, which ComfyUI would load as a graph.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from limner.errors import PictureError, StorageError
from limner.pictures.a1111 import parameters
from limner.pictures.chunks import read_text, replace_text
from limner.pictures.dialects import made
from limner.pictures.grid import grid
from limner.pictures.made import Made
from limner.pictures.metadata import Metadata, Origin
from limner.pictures.texts import texts
from limner.types import Instruction, Picture, Prompt, Recipe

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_FILE = 256_000_000
"""Bytes of a picture file that are read into memory."""

UNKNOWN = "file"
"""Stands for the model of a picture that does not say by which it was drawn."""

_KEYS = ("parameters", "limner")


def encode(
    image: Image,
    recipe: Recipe,
    model: str,
    *,
    query: str | None = None,
    instruction: Instruction | None = None,
    edit: Origin | None = None,
) -> bytes:
    """PNG bytes of an image with its metadata; the size stated is the image's own.

    `recipe` should hold the settings actually used, so that the file says how to draw it again.
    """
    stated = replace(recipe, width=image.width, height=image.height)
    return with_metadata(_pixels(image), Metadata(stated, model, query, instruction, edit=edit))


def with_metadata(png: bytes, metadata: Metadata) -> bytes:
    """The same pixels, saying `metadata` instead of what they said before.

    Raises:
        PictureError: the bytes are not a PNG.
    """
    strength = metadata.edit.strength if metadata.edit else None
    text = parameters(metadata.recipe, metadata.model, version=_version(), request=metadata.query, strength=strength)
    return replace_text(png, {"parameters": text, "limner": metadata.to_json()})


def strip(png: bytes) -> bytes:
    """The same pixels without our metadata.

    Raises:
        PictureError: the bytes are not a PNG.
    """
    return replace_text(png, {}, drop=_KEYS)


def open_picture(path: str | os.PathLike[str]) -> Picture:
    """A picture from a file of any format that Pillow reads, with the file's own bytes, so its identity is the file's.

    What is not known of it, or cannot be believed, is left open.

    Raises:
        PictureError: no such file, or not a picture.
    """
    data = load(Path(path))
    try:
        said = read(data)
    except PictureError:  # not a PNG, or damaged text: a picture all the same, if it can be decoded
        said = None
    picture = Picture(data, said.recipe, said.model) if said else Picture(data, Recipe(Prompt(""), 0), UNKNOWN)
    try:
        picture.image()
    except OSError as error:
        raise PictureError(f"{path} is not a picture that can be read: {error}. Save it as PNG.") from error
    return picture


def read(source: bytes | str | os.PathLike[str]) -> Metadata | None:
    """What a file (or its bytes) written by Limner says of itself; None where the picture has no such entry.

    Raises:
        PictureError: no such file, not a PNG, damaged, too large, or an entry that cannot be believed.
    """
    entry = read_text(source if isinstance(source, bytes) else load(Path(source))).get("limner")
    return Metadata.from_json(entry) if entry is not None else None


def inspect(source: bytes | str | os.PathLike[str]) -> Made | None:
    """What a picture file (or its bytes) says of how it was made, whichever program wrote it; None: it says nothing.

    Reads our own entry, AUTOMATIC1111, ComfyUI, Fooocus, InvokeAI, NovelAI, SwarmUI and Draw Things, from PNG, JPEG and
    WebP. Where several are there, ours counts.

    Raises:
        PictureError: no such file, no such picture, cut off, damaged, too large, or an entry that makes no sense.
    """
    return made(texts(source if isinstance(source, bytes) else load(Path(source))))


def save(
    picture: Picture,
    path: str | os.PathLike[str],
    *,
    query: str | None = None,
    instruction: Instruction | None = None,
    scores: Mapping[str, float | None] | None = None,
    session: str | None = None,
    span: str | None = None,
    original: str | None = None,
    metadata: bool = True,
) -> Path:
    """Write a picture to a file with its history, pixels untouched; `metadata=False` writes the pixels alone.

    What is not given stays as the picture's bytes have it. `original` names the file of which it is an edit.

    Raises:
        PictureError: the picture's bytes are not a PNG.
        StorageError: the file cannot be written.
    """
    if not metadata:
        return _write(Path(path), strip(picture.png))
    before = read(picture.png) or Metadata(picture.recipe, picture.model)
    said = replace(
        before,
        query=query or before.query,
        instruction=instruction or before.instruction,
        scores={**before.scores, **(scores or {})},
        session=session or before.session,
        span=span or before.span,
        edit=replace(before.edit, file=original or before.edit.file) if before.edit else None,
    )
    return _write(Path(path), with_metadata(picture.png, said))


def save_grid(
    images: Sequence[Image], path: str | os.PathLike[str], columns: int, scale: int, *, first: Picture | None = None
) -> Path:
    """Write a contact sheet (see `grid`); as AUTOMATIC1111's do, it says how its `first` picture was made.

    Raises:
        PictureError: nothing to show.
        StorageError: the file cannot be written.
    """
    said = read_text(first.png) if first else {}
    text = {name: said[name] for name in said if name == "parameters"}
    return _write(Path(path), replace_text(_pixels(grid(images, columns, scale)), text))


def _pixels(image: Image) -> bytes:
    buffer = io.BytesIO()
    # Nothing from image.info, which Pillow would carry into the file: the pixels alone decide the bytes.
    bare = image.convert("RGB")
    bare.info = {}
    bare.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def load(path: Path) -> bytes:
    """A picture file's bytes, of whatever format.

    Raises:
        PictureError: no such file, or too large.
    """
    try:
        if (size := path.stat().st_size) > MAX_FILE:
            raise PictureError(f"{path} has {size} bytes; at most {MAX_FILE} are read. Make it smaller.")
        return path.read_bytes()
    except OSError as error:
        raise PictureError(f"Cannot read the picture {path}: {error.strerror}. Check the path.") from error


def _write(path: Path, data: bytes) -> Path:
    beside = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(data)
        beside.replace(path)
    except OSError as error:
        raise StorageError(f"Cannot write the picture {path}: {error.strerror}. Choose another folder.") from error
    return path


@cache
def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("limner")
    except PackageNotFoundError:
        return "unpackaged"
