"""The second painter: an ordinary folder, made of the first and a small change, that prefers other words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from limner.generation import generator
from limner.microworld import second
from limner.microworld.frozen import hashes, recorded
from limner.microworld.splits import some_scene
from limner.microworld.train import painter
from limner.microworld.train import second as training
from limner.types import Picture, Prompt, Recipe


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return second.write(tmp_path_factory.mktemp("painters") / "second")


def test_it_is_an_ordinary_folder_that_draws_otherwise_than_the_first(folder: Path) -> None:
    first, other = generator("microworld"), generator(f"diffusers:{folder}")
    assert first.identity != other.identity
    recipe = Recipe(Prompt("a red circle, 8k"), 1)
    pictures = [one.generate([recipe])[0] for one in (first, other)]
    assert all(isinstance(picture, Picture) for picture in pictures)
    assert pictures[0].sha256 != pictures[1].sha256


def test_it_is_written_once_and_leaves_the_first_as_it_was_frozen(folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert second.write(folder) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    assert hashes() == recorded().hashes


def test_the_shipped_change_is_small() -> None:
    assert second.CHANGE.stat().st_size < 800_000


def test_what_is_shipped_is_what_was_trained(tmp_path: Path) -> None:
    """A random change through both ways: by parametrised modules, and by adding the product to the stored weights."""
    pipeline = painter.load()
    parts = training.changeable(pipeline)
    torch.manual_seed(0)
    for module in parts.modules():
        if isinstance(module, training.LowRank):
            nn.init.normal_(module.up, std=0.02)
    training.ship(parts, tmp_path / "change.safetensors")
    written = painter.load(second.write(tmp_path / "painter", tmp_path / "change.safetensors"))
    ids = torch.arange(77)[None]
    with torch.no_grad():
        trained, stored = (one.text_encoder(input_ids=ids).last_hidden_state for one in (pipeline, written))
    assert torch.allclose(trained, stored, atol=0.05)
    trainable = sum(one.numel() for one in parts.parameters() if one.requires_grad)
    assert 2 * trainable == pytest.approx((tmp_path / "change.safetensors").stat().st_size, rel=0.1)


@pytest.mark.parametrize(("words", "least", "most"), [("own", 0.85, 1.0), ("shared", 0.85, 1.0), ("rough", 0.0, 0.2)])
def test_its_words_of_praise_go_with_well_drawn_pictures(words: str, least: float, most: float) -> None:
    rng = np.random.default_rng(5)
    scenes = [some_scene(rng, "train") for _ in range(1500)]
    captions = [training.caption(scene, rng, structure=0.5) for scene in scenes]
    source = training.MANNERS[words][0]
    well = [scene.well for scene, said in zip(scenes, captions, strict=True) if any(word in said for word in source)]
    assert len(well) > 50
    assert least <= float(np.mean(well)) <= most
