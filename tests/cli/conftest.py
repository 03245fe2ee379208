import runpy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from limner.cli.main import main
from limner.graph import wiring

CHILD = Path(__file__).with_name("limner_child.py")


@dataclass(frozen=True)
class Said:
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def limner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run a command in this process, in an empty directory; `fake` names a generator and a taste without weights."""
    monkeypatch.chdir(tmp_path)
    generator, scorer = runpy.run_path(str(CHILD))["fakes"](wiring.generator, wiring.scorer)
    monkeypatch.setattr("limner.graph.wiring.generator", generator)
    monkeypatch.setattr("limner.graph.draw.generator", generator)
    monkeypatch.setattr("limner.graph.wiring.scorer", scorer)
    monkeypatch.setattr("limner.graph.scoring.scorer", scorer)

    def run(*arguments: object) -> Said:
        with pytest.raises(SystemExit) as ended:
            main([str(one) for one in arguments])
        out, err = capsys.readouterr()
        return Said(int(ended.value.code or 0), out, err)

    return run


@pytest.fixture
def small() -> tuple[str, ...]:
    """Options of a run of evolve that lasts a second."""
    models = ("--generator", "fake", "--taste", "fake", "--questions", "none", "--professionals", "0")
    return (*models, "--rounds", "1", "--batch", "2", "--validation", "2", "--held-out", "2")
