"""Saving and reading pictures with their metadata; contact sheets and composites."""

from limner.pictures.composite import composite, feathered
from limner.pictures.files import encode, read, save, strip, with_metadata
from limner.pictures.grid import grid
from limner.pictures.metadata import Metadata

__all__ = ["Metadata", "composite", "encode", "feathered", "grid", "read", "save", "strip", "with_metadata"]
