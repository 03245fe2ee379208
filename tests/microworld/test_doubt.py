"""Doubtful drawings: what a mixture shows, and which cells teach nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from limner.microworld.law import COLOURS, SHAPES, Scene, Thing
from limner.microworld.splits import some_scene
from limner.microworld.train.doubt import Lessons, crisply, damaged, doubtful, outweighing
from limner.microworld.train.tower import Labels, label

CELL = 4


def labels(shape: str, colour: str) -> Labels:
    return label([Scene((Thing(shape, colour, "small", CELL),), "white")])


def mixture(first: tuple[str, str], second: tuple[str, str], share: float) -> tuple[str, str]:
    cells = outweighing(labels(*first), labels(*second), torch.tensor([share])).cells
    shape, colour = (int(cells[name].flatten()[CELL]) for name in ("shape", "colour"))
    return SHAPES[shape - 1], list(COLOURS)[colour]


@pytest.mark.parametrize(
    ("first", "second", "share", "seen"),
    [
        (("square", "red"), ("cross", "red"), 0.49, ("square", "red")),
        (("circle", "red"), ("ring", "red"), 0.3, ("circle", "red")),
        (("circle", "red"), ("ring", "red"), 0.4, ("ring", "red")),
        (("ring", "red"), ("circle", "red"), 0.49, ("ring", "red")),
        (("square", "red"), ("square", "yellow"), 0.1, ("square", "red")),
        (("square", "red"), ("square", "yellow"), 0.45, ("square", "orange")),
    ],
)
def test_what_outweighs_is_seen(
    first: tuple[str, str], second: tuple[str, str], share: float, seen: tuple[str, str]
) -> None:
    assert mixture(first, second, share) == seen


def test_an_empty_cell_stays_empty() -> None:
    cells = outweighing(labels("ring", "red"), labels("cross", "blue"), torch.tensor([0.5])).cells
    empty = torch.arange(9) != CELL
    assert bool((cells["shape"].flatten()[empty] == 0).all())
    assert bool((cells["colour"].flatten()[empty] == -1).all())


def test_drawings_are_mixed_by_their_shares() -> None:
    white, black = (np.full((1, 48, 48, 3), value, np.uint8) for value in (200, 100))
    assert set(crisply(white, black, np.array([0.25])).ravel()) == {175}


def test_a_mirrored_lesson_names_what_stands_in_the_mirrored_cell() -> None:
    rng = np.random.default_rng(1)
    scene = Scene((Thing("cross", "green", "large", 3),), "black")
    lessons = Lessons(doubtful([scene], rng).pixels, label([scene]))
    some = lessons.sample(32, rng)
    stands = [int(cells.flatten().argmax()) for cells in some.labels.cells["shape"]]
    assert set(stands) == {3, 5}
    for pixels, cell in zip(some.pixels, stands, strict=True):
        bright = pixels.astype(int).sum((0, 2))
        assert (bright[:16].sum() > bright[32:].sum()) == (cell == 3)
    both = some + lessons
    assert len(both.pixels) == len(both.labels.well) == len(both.labels.cells["size"]) == 33


def test_a_cell_that_came_back_changed_is_found() -> None:
    drawn = np.full((2, 48, 48, 3), 90, np.uint8)
    back = drawn.copy()
    back[1, 20:26, 36:42] = 200
    found = damaged(drawn, back)
    assert found.sum() == 1
    assert found[1, 1, 2]


def test_cells_that_the_autoencoder_changed_teach_nothing() -> None:
    from limner.microworld.train import painter

    rng = np.random.default_rng(2)
    scenes = [some_scene(rng, "train", objects=(0.5, 0.5)) for _ in range(6)]
    lessons = doubtful(scenes, rng, painter.load().vae)
    assert lessons.pixels.shape == (6, 48, 48, 3)
    names = lessons.labels.cells
    taught = names["shape"] >= 0
    assert 0.6 < float(taught.float().mean()) <= 1
    assert bool((names["colour"][~taught] == -1).all())
    there = label(scenes).cells["shape"] > 0
    assert bool(((names["shape"] > 0) <= there).all())
