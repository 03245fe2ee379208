"""`python -m limner.microworld.train`: every model is trained and shipped by it, into folders that are named."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

from limner.microworld import reader
from limner.microworld.second import CHANGE, WEIGHTS
from limner.microworld.train import hone_eye, hone_taste, painter, polish, second, sheet, taste, tower, unet
from limner.microworld.train import reader as second_reader
from limner.microworld.train.__main__ import MODELS, main

FEW: tuple[tuple[Any, str, Any], ...] = (
    (unet, "BANK", 100), (polish, "BANK", 100), (second, "BANK", 100), (tower, "SOFTENED", 64), (taste, "_SOFTENED", 4),
    (second_reader, "_CRISP", 64), (second_reader, "_SOFT", 64), (hone_eye, "_SOFTENED_KEPT", 32),
    (hone_eye, "_BLENDED_KEPT", 32), (hone_taste, "_SCENES", 4), (hone_taste, "_DRAWN", 4), (hone_taste, "_MIXED", 4),
    (hone_taste, "_PICTURES", 1), (sheet, "SCENES", {1: 1, 2: 1}),
)  # fmt: skip
"""Drawings and pictures that are made before the first step: here only so many."""


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, count in FEW:
        assert hasattr(module, name)
        monkeypatch.setattr(module, name, count)


@pytest.fixture(autouse=True)
def shipped_weights_stay() -> Any:
    def stamps() -> dict[Path, tuple[int, int]]:
        return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in WEIGHTS.rglob("*")}

    before = stamps()
    yield
    assert stamps() == before


class Bench:
    """The command, with its folders in a place of their own."""

    def __init__(self, place: Path) -> None:
        self.out, self.weights, self.docs = place / "training", place / "weights", place / "docs"
        self.docs.mkdir()

    def __call__(self, *what: str) -> int:
        folders = ("--out", self.out, "--weights", self.weights, "--docs", self.docs)
        return main([*what, *map(str, folders)])

    def trains(self, what: str, steps: int = 1) -> None:
        """Train a model, and see that so many steps of finite numbers are kept, with the plan's seed."""
        assert self(what, "--steps", str(steps)) == 0
        kept = torch.load(self.out / what / "checkpoint.pt", weights_only=True)
        assert kept["step"] == steps
        assert all(value.isfinite().all() for value in kept["average"].values())
        seed = import_module(f"limner.microworld.train.{what}").PLAN.seed
        assert (self.out / what / "seed").read_text() == f"{seed}\n"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.slow
def test_the_painter_is_trained_shipped_and_measured(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    for what in ("vae", "text", "unet"):
        bench.trains(what)
    assert bench("painter") == 0
    assert painter.load(bench.weights / "painter").unet.config.sample_size == 12
    assert bench("figures", "--count", "1") == 0
    assert '"one' in capsys.readouterr().out
    assert bench("sheet") == 0
    assert {path.name for path in bench.docs.iterdir()} == {"microworld-law.png", sheet.FILE}


@pytest.mark.slow
def test_the_judges_are_trained_and_shipped(bench: Bench) -> None:
    for what in ("tower", "eye", "taste"):
        bench.trains(what)
    assert bench("judges") == 0
    for name in ("eye", "taste"):
        assert (bench.weights / name / "model.safetensors").stat().st_size > 2_000_000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "finish", "file"),
    [
        ("polish", "polished", "painter/unet/diffusion_pytorch_model.safetensors"),
        ("hone_eye", "honed", "eye/model.safetensors"),
        ("hone_taste", "honed_taste", "taste/model.safetensors"),
    ],
)
def test_a_shipped_model_is_trained_on_and_shipped(bench: Bench, what: str, finish: str, file: str) -> None:
    bench.trains(what)
    assert bench(finish) == 0
    fresh, shipped = bench.weights / file, WEIGHTS / file
    assert fresh.stat().st_size == shipped.stat().st_size
    assert fresh.read_bytes() != shipped.read_bytes()


@pytest.mark.parametrize(("what", "shipped"), [("second", CHANGE), ("reader", reader.FILE)])
def test_a_model_that_is_shipped_at_once_goes_where_it_is_sent(bench: Bench, what: str, shipped: Path) -> None:
    bench.trains(what)
    fresh = bench.weights / shipped.relative_to(WEIGHTS)
    assert fresh.stat().st_size == shipped.stat().st_size
    assert fresh.read_bytes() != shipped.read_bytes()


@pytest.mark.parametrize("what", MODELS)
@pytest.mark.parametrize("said", [None, 5, 0])
def test_the_seed_is_the_plans_own_unless_said(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, what: str, said: int | None
) -> None:
    module, seen = import_module(f"limner.microworld.train.{what}"), []
    monkeypatch.setattr(module, "train", lambda out, seed, steps, *folders: seen.append((seed, steps)))
    assert bench(what, *(() if said is None else ("--seed", str(said)))) == 0
    assert seen == [(module.PLAN.seed if said is None else said, module.PLAN.steps)]


def test_the_second_painters_seed_is_not_the_firsts() -> None:
    assert second.PLAN.seed == 1


@pytest.mark.parametrize("what", MODELS)
def test_a_folder_begun_with_another_seed_is_refused_untouched(
    bench: Bench, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    folder = bench.out / what
    folder.mkdir(parents=True)
    (folder / "seed").write_text("3\n")
    assert bench(what, "--seed", "4") == 2
    said = capsys.readouterr().err
    assert all(part in said for part in (str(folder), "seed 3", "not 4", "--seed 3", "--out"))
    assert [path.relative_to(bench.out) for path in bench.out.rglob("*")] == [Path(what), Path(what) / "seed"]


def test_a_checkpoint_of_an_unknown_seed_is_refused(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    folder = bench.out / "vae"
    folder.mkdir(parents=True)
    (folder / "checkpoint.pt").touch()
    assert bench("vae") == 2
    said = capsys.readouterr().err
    assert all(part in said for part in (str(folder / "seed"), "--out"))
    assert [path.name for path in folder.iterdir()] == ["checkpoint.pt"]
