"""The second phases of eye and taste: what they are shown, and that they start from what is shipped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from limner.microworld.law import Scene, Thing
from limner.microworld.oracle import read
from limner.microworld.render import Pixels, render
from limner.microworld.splits import content, some_scene, split_of
from limner.microworld.train import eye, hone_eye, hone_taste, painted, painter, taste
from limner.microworld.train.album import blend, draw_album


def test_the_phase_starts_from_the_shipped_eye_and_keeps_a_copy(tmp_path: Path) -> None:
    student, teacher = eye.school(hone_eye.start(tmp_path))
    assert (tmp_path / "hone_eye" / "start" / "model.safetensors").exists()
    rng = np.random.default_rng(3)
    album = draw_album([some_scene(rng, "train") for _ in range(16)], rng)
    with torch.no_grad():
        losses = eye.lesson_loss(student.eval(), teacher, album, rng, torch.device("cpu"))
    assert float(losses["right"]) > 0.85


def test_a_blended_drawing_shows_the_scene_that_outweighs() -> None:
    rng = np.random.default_rng(4)
    scenes = [Scene((Thing("square", "red", "large", cell),), "white") for cell in range(9)]
    album = blend(painter.load().vae, scenes, rng, most=0.2, noise=0.0)
    assert album.scenes == tuple(scenes)
    assert sum(read(pixels).things == scene.things for scene, pixels in zip(scenes, album.pixels, strict=True)) >= 7
    assert any(not np.array_equal(a, b) for a, b in zip(album.pixels, draw_album(scenes, rng).pixels, strict=True))


def test_painted_pictures_are_of_training_contents_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def paint(_pipeline: object, prompts: list[str], *, seed: int) -> list[Pixels]:
        asked.extend(prompts)
        rng = np.random.default_rng(5)
        return [render(some_scene(rng, "train"), rng) for _ in prompts]

    monkeypatch.setattr("limner.microworld.train.measure.paint", paint)
    first = painted.album(tmp_path / "painted.npy", seed=0, scenes=3)
    again = painted.album(tmp_path / "painted.npy", seed=0, scenes=3)
    assert len(asked) == 18
    assert first.scenes == again.scenes
    assert all(split_of(content(scene.things)) == "train" for scene in first.scenes)


def test_the_taste_goes_on_from_what_it_prefers(tmp_path: Path) -> None:
    model, tokenizer = hone_taste.start(tmp_path)
    pupil = taste.Pupil(model).eval()
    rng = np.random.default_rng(6)
    groups = taste.make_groups(24, 4, rng)
    with torch.no_grad():
        losses = taste.choice_loss(pupil, tokenizer, groups, rng, torch.device("cpu"))
    assert float(losses["agree"]) > 0.8


def test_groups_of_painted_pictures_show_what_was_read_in_them_also_in_the_mirror() -> None:
    rng = np.random.default_rng(7)
    scenes = [some_scene(rng, "train", well=True) for _ in range(5)]
    answered = [painted.Answered(scene, draw_album([scene] * 6, rng)) for scene in scenes]
    groups = hone_taste.own(answered, 6, rng)
    assert len(groups.wanted) == 6
    assert len(groups.album) == 6 * groups.rivals
    shown = np.repeat(np.array([hash(scene) for scene in groups.wanted]), groups.rivals)
    assert [hash(scene) for scene in groups.album.scenes] == shown.tolist()
    assert all(
        read(pixels).things == scene.things
        for scene, pixels in zip(groups.album.scenes, groups.album.pixels, strict=True)
    )
    assert {scene in scenes for scene in groups.wanted} == {True, False}


def test_a_taste_trained_on_is_shipped_as_the_first_one_was(tmp_path: Path) -> None:
    model, _ = hone_taste.start(tmp_path)
    pupil = taste.Pupil(model)
    torch.save({"average": pupil.state_dict()}, tmp_path / "hone_taste" / "checkpoint.pt")
    hone_taste.ship(tmp_path, tmp_path / "shipped")
    for name in ("model.safetensors", "tokenizer.json", "limner.json"):
        assert (tmp_path / "shipped" / name).read_bytes() == (hone_taste.FOLDER / name).read_bytes()
