from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from limner.microworld.labels import labelled
from limner.microworld.law import Scene, Thing
from limner.microworld.oracle import UNCLEAR, Reading
from limner.microworld.reader import FILE, Net, load, read
from limner.microworld.render import render
from limner.microworld.splits import some_scene
from limner.microworld.train.reader import shaken, ship

MOST_BYTES = 300_000


def drawings(count: int, seed: int, well: bool | None) -> tuple[list[Scene], list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    scenes = [some_scene(rng, "held_out", well=well) for _ in range(count)]
    return scenes, [render(scene, rng) for scene in scenes]


def share_right(scenes: list[Scene], readings: list[Reading]) -> float:
    """Share of the things that were read just so, things that are not there counted as wrong."""
    right = sum(len(set(scene.things) & set(reading.things)) for scene, reading in zip(scenes, readings, strict=True))
    either = sum(len(set(scene.things) | set(reading.things)) for scene, reading in zip(scenes, readings, strict=True))
    return right / either


@pytest.mark.parametrize(("well", "things"), [(True, 0.99), (False, 0.9)])
def test_drawings_of_contents_never_learnt_are_read(well: bool, things: float) -> None:
    scenes, pictures = drawings(150, seed=1, well=well)
    readings = read(pictures)
    assert share_right(scenes, readings) >= things
    assert np.mean([reading.ground == scene.ground for scene, reading in zip(scenes, readings, strict=True)]) >= 0.99
    assert np.mean([reading.well is well for reading in readings]) >= 0.97


def test_other_sizes_and_modes_are_read_too() -> None:
    scene = Scene((Thing("cross", "cyan", "large", 2),), "black")
    picture = Image.fromarray(render(scene, np.random.default_rng(0)))
    shown = [picture, picture.resize((96, 96), Image.Resampling.NEAREST), picture.convert("RGBA")]
    assert [reading.things for reading in read(shown)] == [scene.things] * 3


def test_a_picture_is_read_alike_alone_and_among_others() -> None:
    _, pictures = drawings(300, seed=2, well=None)
    assert read(pictures)[260:] == [read([picture])[0] for picture in pictures[260:]]
    assert read([]) == []


def test_what_is_less_probable_than_asked_is_unclear() -> None:
    _, pictures = drawings(20, seed=3, well=False)
    nothing_is_sure = Reading((UNCLEAR,) * 9, None, None)
    assert read(pictures, sure=1.1) == [nothing_is_sure] * 20
    everything = read(pictures, sure=0.0)
    assert all(r.clear and r.ground is not None and r.well is not None for r in everything)


def test_what_labellers_saw_in_painted_pictures_is_read() -> None:
    labels = labelled()
    pairs = [
        (seen, said)
        for label, reading in zip(labels, read([label.picture for label in labels]), strict=True)
        for seen, said in zip(label.reading.cells, reading.cells, strict=True)
        if seen is not UNCLEAR
    ]
    assert np.mean([seen == said for seen, said in pairs if seen is not None]) >= 0.97
    assert np.mean([said is None for seen, said in pairs if seen is None]) >= 0.99


def test_weights_are_small_and_in_half_precision() -> None:
    from safetensors.torch import load_file

    assert FILE.stat().st_size <= MOST_BYTES
    assert {value.dtype for value in load_file(FILE).values() if value.is_floating_point()} == {torch.float16}


def test_shipped_weights_come_back(tmp_path: Path) -> None:
    net = Net()
    ship(net, tmp_path / "reader" / "model.safetensors")
    again = load(tmp_path / "reader" / "model.safetensors").state_dict()
    assert all(
        torch.allclose(value.float(), again[name].float(), atol=1e-3) for name, value in net.state_dict().items()
    )


def test_shaking_moves_and_tints_but_a_picture_stays_itself() -> None:
    _, pictures = drawings(32, seed=5, well=True)
    x = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float()
    moved, again = (shaken(x, np.random.default_rng(6)) for _ in range(2))
    assert torch.equal(moved, again)
    assert 0 <= float(moved.min()) <= float(moved.max()) <= 255
    change = (moved - x).abs().mean((1, 2, 3))
    assert bool((change > 0.5).all())
    assert float(change.mean()) < 20
