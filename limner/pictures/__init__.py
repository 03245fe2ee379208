"""Saving and reading pictures with their metadata; contact sheets and composites."""

from limner.pictures.composite import composite, feathered
from limner.pictures.files import (
    UNKNOWN,
    encode,
    inspect,
    load,
    open_picture,
    read,
    save,
    save_grid,
    strip,
    with_metadata,
)
from limner.pictures.grid import grid
from limner.pictures.made import Made
from limner.pictures.metadata import Metadata, Origin
from limner.pictures.request import request_in

__all__ = [
    "UNKNOWN",
    "Made",
    "Metadata",
    "Origin",
    "composite",
    "encode",
    "feathered",
    "grid",
    "inspect",
    "load",
    "open_picture",
    "read",
    "request_in",
    "save",
    "save_grid",
    "strip",
    "with_metadata",
]
