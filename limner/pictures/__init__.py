"""Saving and reading pictures with their metadata; contact sheets and composites."""

from limner.pictures.composite import composite, feathered
from limner.pictures.files import encode, inspect, load, open_picture, read, save, strip, with_metadata
from limner.pictures.grid import grid
from limner.pictures.made import Made
from limner.pictures.metadata import Metadata
from limner.pictures.request import request_in

__all__ = [
    "Made",
    "Metadata",
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
    "strip",
    "with_metadata",
]
