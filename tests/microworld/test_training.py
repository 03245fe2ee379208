"""Training: what it computes is what the shipped models compute, and a stopped run goes on as if it had not stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from limner.microworld.law import Constraint, Noun, Scene, Thing
from limner.microworld.render import Pixels, render
from limner.microworld.splits import some_scene
from limner.microworld.train import eye, hone_eye, hone_taste, loop, painted, painter, polish, tokens, tower, unet, vae
from limner.microworld.train.album import Album, draw_album, mirror, paint_album, to_model

SCENE = Scene((Thing("circle", "red", "small", 0), Thing("circle", "blue", "large", 5)), "grey")


@pytest.fixture(scope="module")
def student() -> eye.Student:
    torch.manual_seed(0)
    pupil, _ = tower.school()
    return eye.Student(pupil).eval()


@pytest.fixture(scope="module")
def teacher() -> eye.Teacher:
    return eye.Teacher(tower.build_tokenizer().get_vocab())


@torch.no_grad()
def test_questions_that_share_a_sequence_are_answered_as_the_stock_model_answers_each_alone(
    student: eye.Student, teacher: eye.Teacher
) -> None:
    rng = np.random.default_rng(1)
    album = draw_album([some_scene(rng, "train") for _ in range(2)], rng)
    lesson = teacher.ask(album.scenes, rng)
    pixels = to_model(album.pixels)
    packed, _ = student.answers(student.pupil.look(pixels), lesson)
    model = student.pupil.model
    picture = torch.full((tower.TOKENS,), model.config.image_token_id)
    for row, column in np.ndindex(packed.shape[:2]):
        question = lesson.tokens[row, column, : int(lesson.ends[row, column]) + 1]
        ids = torch.cat([picture, question])[None]
        alone = model(input_ids=ids, pixel_values=pixels[row : row + 1], attention_mask=torch.ones_like(ids)).logits
        assert torch.allclose(alone[0, -1], packed[row, column], atol=1e-4)


@pytest.mark.parametrize(
    ("constraint", "named"),
    [
        (Constraint("exists", Noun("circle", "red")), {"circle": [0]}),
        (Constraint("attribute", Noun("circle", "blue")), {"circle": [0, 5], "blue": [5]}),
        (Constraint("size", Noun("circle", None, "small")), {"circle": [0, 5], "small": [0]}),
        (Constraint("count", Noun("circle"), count=2), {"circles": [0, 5]}),
        (Constraint("place", Noun("circle", "red"), cell=8), {"circle": [0]}),
        (Constraint("ground", ground="grey"), {}),
    ],
)
def test_the_words_of_a_question_are_marked_with_the_cells_that_they_name(
    teacher: eye.Teacher, monkeypatch: pytest.MonkeyPatch, constraint: Constraint, named: dict[str, list[int]]
) -> None:
    monkeypatch.setattr(eye, "draw_question", lambda *_: constraint)
    lesson = teacher.ask([SCENE], np.random.default_rng(0))
    tokenizer = tower.build_tokenizer()
    marked = {
        tokenizer.decode([int(lesson.tokens[0, 0, int(at)])]): torch.nonzero(cells)[:, 0].tolist()
        for at, cells in zip(lesson.nouns[0, 0], lesson.cells[0, 0], strict=True)
        if at >= 0
    }
    assert marked == named


def test_a_mirrored_scene_is_drawn_as_the_mirror_shows_it() -> None:
    rng = np.random.default_rng(2)
    scene = some_scene(rng, "train")
    assert mirror(mirror(scene)) == scene
    album = draw_album([scene], rng)
    seen = {tuple(thing.cell for thing in some.scenes[0].things): some.pixels[0] for some in
            (album.sample(1, np.random.default_rng(seed)) for seed in range(8))}  # fmt: skip
    cells = tuple(thing.cell for thing in scene.things)
    mirrored = tuple(thing.cell for thing in mirror(scene).things)
    assert set(seen) <= {cells, mirrored}
    assert np.array_equal(seen[cells], album.pixels[0])
    assert np.array_equal(seen[mirrored], album.pixels[0][:, ::-1])


def _fit(folder: Path, plan: loop.Plan) -> nn.Module:
    torch.manual_seed(3)
    model = nn.Linear(4, 1)

    def loss(_step: int, rng: np.random.Generator) -> Mapping[str, Tensor]:
        x = torch.from_numpy(rng.normal(size=(8, 4)).astype(np.float32))
        return {"loss": (model(x) - x.sum(1, keepdim=True) + 0.1 * torch.randn(8, 1)).square().mean()}

    return loop.fit(model, loss, plan, folder)


class _Stopped(Exception):
    pass


def test_a_training_stopped_between_checkpoints_ends_with_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = loop.Plan(steps=30, lr=0.05, warmup=5, report_every=10, save_every=10)
    whole = _fit(tmp_path / "whole", plan)
    step = loop._step

    def stopping(loss: loop.Loss, plan: loop.Plan, at: int, *rest: object) -> Mapping[str, Tensor]:
        if at == 14:
            raise _Stopped
        return step(loss, plan, at, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_step", stopping)
        with pytest.raises(_Stopped):
            _fit(tmp_path / "parts", plan)
    again = _fit(tmp_path / "parts", plan)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])


def _stop_at(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Kill the run when it has written what is kept for the so manyth time, and has not yet put it in its place."""
    replace_, left = os.replace, iter(range(number))

    def stopping(*paths: Path) -> None:
        if next(left, None) is None:
            raise _Stopped
        replace_(*paths)

    monkeypatch.setattr(os, "replace", stopping)


@pytest.mark.parametrize("written", [0, 1, 2])
def test_a_training_killed_while_it_saves_reports_each_step_once_and_ends_with_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    plan = loop.Plan(steps=30, lr=0.05, warmup=5, report_every=5, save_every=10)
    whole = _fit(tmp_path / "whole", plan)
    with monkeypatch.context() as patch:
        _stop_at(patch, written)
        with pytest.raises(_Stopped):
            _fit(tmp_path / "parts", plan)
    with (tmp_path / "parts" / "curve.jsonl").open("a") as curve:
        curve.write('{"step": 5, "lo')
    again = _fit(tmp_path / "parts", plan)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])
    curves = [(tmp_path / name / "curve.jsonl").read_text() for name in ("whole", "parts")]
    assert curves[0] == curves[1]
    assert [json.loads(line)["step"] for line in curves[1].splitlines()] == [5, 10, 15, 20, 25, 30]


@pytest.mark.parametrize("phase", [polish, hone_eye, hone_taste])
def test_a_copy_of_what_is_shipped_is_whole_or_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, phase: ModuleType
) -> None:
    folder = tmp_path / phase.__name__.rpartition(".")[2] / "start"
    with monkeypatch.context() as patch:
        _stop_at(patch, 0)
        with pytest.raises(_Stopped):
            phase.start(tmp_path)
    assert not folder.exists()
    (folder.with_name("start.new") / "of_an_earlier_model.json").touch()
    phase.start(tmp_path)
    shipped = painter.FOLDER if phase is polish else phase.FOLDER
    assert {path.relative_to(folder) for path in folder.rglob("*")} == {
        path.relative_to(shipped) for path in shipped.rglob("*")
    }


def test_latents_are_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    coder, path = vae.build().eval(), tmp_path / "latents.pt"
    whole = unet.fill(coder, tmp_path / "whole.pt", 3, 8)
    with monkeypatch.context() as patch:
        _stop_at(patch, 0)
        with pytest.raises(_Stopped):
            unet.fill(coder, path, 3, 8)
    assert not path.exists()
    made, read = unet.fill(coder, path, 3, 8), unet.fill(coder, path, 3, 8)
    assert made.scenes == read.scenes == whole.scenes
    assert torch.equal(made.latents, whole.latents)
    assert torch.equal(read.latents, whole.latents)


def _paint(_pipeline: object, prompts: Sequence[str], *, seed: int) -> list[Pixels]:
    rng = np.random.default_rng([seed, len(prompts)])
    return [render(some_scene(rng, "train", well=True), rng) for _ in prompts]


@pytest.mark.parametrize(
    "pictures",
    [
        lambda file: paint_album(None, 6, 3, file),
        lambda file: painted.album(file, 3, scenes=2),
    ],
)
def test_painted_pictures_are_whole_or_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pictures: Callable[[Path], Album]
) -> None:
    monkeypatch.setattr("limner.microworld.train.measure.paint", _paint)
    whole, file = pictures(tmp_path / "whole.npy"), tmp_path / "painted.npy"
    with monkeypatch.context() as patch:
        _stop_at(patch, 0)
        with pytest.raises(_Stopped):
            pictures(file)
    assert not file.exists()
    for again in (pictures(file), pictures(file)):
        assert again.scenes == whole.scenes
        assert np.array_equal(again.pixels, whole.pixels)


def test_a_tokenizer_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_CORPUS", 100)
    folder = tmp_path / "tokenizer"
    with monkeypatch.context() as patch:
        _stop_at(patch, 0)
        with pytest.raises(_Stopped):
            tokens.kept(folder)
    assert not folder.exists()
    made = tokens.kept(folder)
    monkeypatch.delattr(tokens, "build")
    assert tokens.kept(folder).get_vocab() == made.get_vocab()


def test_the_rate_rises_to_its_height_and_falls_to_nothing() -> None:
    plan = replace(loop.Plan(steps=100, lr=1.0), warmup=10)
    rates = [loop.rate(plan, step) for step in range(101)]
    assert rates[0] < rates[5] < rates[9]
    assert rates == sorted(rates[:10]) + sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(0)


def test_a_checkpoint_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="train that model first"):
        loop.load_average(nn.Linear(1, 1), tmp_path)
