"""Saving and reading pictures with their metadata."""

from limner.pictures.files import encode, read, save, strip, with_metadata
from limner.pictures.grid import grid
from limner.pictures.metadata import Metadata

__all__ = ["Metadata", "encode", "grid", "read", "save", "strip", "with_metadata"]
