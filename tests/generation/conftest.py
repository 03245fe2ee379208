"""Tiny random pipelines, each built once a session and loaded through the real code."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from limner.testing.tiny_pipelines import save_tiny

if TYPE_CHECKING:
    from limner.generation.onnx_export import Exported


@pytest.fixture(scope="session")
def family(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a family's tiny pipeline."""

    @cache
    def folder(name: str) -> Path:
        return save_tiny(name, tmp_path_factory.mktemp("weights") / name)

    return folder


@pytest.fixture(scope="session")
def exported(family: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Exported]:
    """A family's tiny pipeline, exported to ONNX."""
    from limner.generation.onnx_export import export

    @cache
    def folder(name: str) -> Exported:
        return export(f"diffusers:{family(name)}", tmp_path_factory.mktemp("onnx") / name, pictures=0)

    return folder


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny("sd", tmp_path_factory.mktemp("weights") / "tiny")
