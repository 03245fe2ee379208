import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from limner.types import Prompt, Recipe

Drawers = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def draw_in_process(tmp_path: Path) -> Drawers:
    """Start tests/ledger/child.py on the ledger in tmp_path / "s"; what it calls is logged in tmp_path / "log"."""
    children = []

    def start(count: int, delay: float = 0.0, place: str = "local", limit: int = 1000) -> "subprocess.Popen[str]":
        arguments = [tmp_path / "s", tmp_path / "log", count, delay, place, limit]
        command = [sys.executable, str(Path(__file__).with_name("child.py")), *map(str, arguments)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.wait()
        assert child.stdout is not None
        child.stdout.close()


@pytest.fixture
def recipes() -> Callable[[int], list[Recipe]]:
    return lambda count: [Recipe(Prompt("a red circle"), seed) for seed in range(count)]
