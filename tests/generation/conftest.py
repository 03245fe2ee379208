"""Tiny random pipelines, each built once a session and loaded through the real code."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from limner.testing.tiny_pipelines import save_tiny


@pytest.fixture(scope="session")
def family(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a family's tiny pipeline."""

    @cache
    def folder(name: str) -> Path:
        return save_tiny(name, tmp_path_factory.mktemp("weights") / name)

    return folder


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny("sd", tmp_path_factory.mktemp("weights") / "tiny")
