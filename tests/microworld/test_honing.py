"""The eye's second phase: what it is shown, and that it starts from the shipped eye."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from limner.microworld.law import Scene, Thing
from limner.microworld.oracle import read
from limner.microworld.render import render
from limner.microworld.splits import content, some_scene, split_of
from limner.microworld.train import eye, hone_eye, painted, painter
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

    def paint(prompts: list[str], file: Path) -> None:
        asked.extend(prompts)
        rng = np.random.default_rng(5)
        np.save(file, np.stack([render(some_scene(rng, "train"), rng) for _ in prompts]))

    monkeypatch.setattr(painted, "_paint", paint)
    first = painted.album(tmp_path / "painted.npy", seed=0, scenes=3)
    again = painted.album(tmp_path / "painted.npy", seed=0, scenes=3)
    assert len(asked) == 18
    assert first.scenes == again.scenes
    assert all(split_of(content(scene.things)) == "train" for scene in first.scenes)
