"""Drawings: repeatable, true to the palette, and visibly well or badly drawn."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limner.microworld.law import CELL, COLOURS, FRAME, GROUNDS, SHAPES, SIZES, Scene, Thing
from limner.microworld.render import ACROSS, distance, draw, render

THINGS = st.builds(
    Thing, st.sampled_from(SHAPES), st.sampled_from(list(COLOURS)), st.sampled_from(SIZES), st.integers(0, 8)
)
SCENES = st.builds(
    lambda things, ground, well: Scene(tuple(sorted(things, key=lambda t: t.cell)), ground, well),
    st.lists(THINGS, min_size=1, max_size=5, unique_by=lambda t: t.cell),
    st.sampled_from(list(GROUNDS)),
    st.booleans(),
)


@given(SCENES, st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_a_drawing_is_a_function_of_scene_and_seed(scene: Scene, seed: int) -> None:
    first, again = (render(scene, np.random.default_rng(seed)) for _ in range(2))
    assert first.shape == (FRAME, FRAME, 3)
    assert first.dtype == np.uint8
    assert (first == again).all()


@given(SCENES, st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_things_stand_in_their_cells(scene: Scene, seed: int) -> None:
    drawing = draw(scene, np.random.default_rng(seed))
    for thing, (x, y) in zip(scene.things, drawing.centres, strict=True):
        assert (int(y // CELL), int(x // CELL)) == divmod(thing.cell, 3)


@given(SCENES, st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_well_drawn_ground_is_flat_and_bad_ground_is_not(scene: Scene, seed: int) -> None:
    empty = next(cell for cell in range(9) if cell not in {t.cell for t in scene.things})
    row, column = divmod(empty, 3)
    inside = np.s_[row * CELL + 3 : row * CELL + 13, column * CELL + 3 : column * CELL + 13]
    well = render(replace(scene, well=True), np.random.default_rng(seed))[inside]
    bad = render(replace(scene, well=False), np.random.default_rng(seed))[inside]
    assert (well == np.array(GROUNDS[scene.ground])).all()
    assert bad.astype(float).std(axis=(0, 1)).max() > 2


@pytest.mark.parametrize("colour", COLOURS)
def test_a_well_drawn_thing_has_its_colour(colour: str) -> None:
    scene = Scene((Thing("square", colour, "large", 4),), "white")
    pixels = render(scene, np.random.default_rng(0))
    assert tuple(pixels[FRAME // 2, FRAME // 2]) == COLOURS[colour]


@pytest.mark.parametrize("shape", SHAPES)
def test_large_covers_more_than_small(shape: str) -> None:
    axis = np.arange(-10, 10, dtype=np.float32) + 0.5
    x, y = np.meshgrid(axis, axis)
    small, large = ((distance(shape, ACROSS[size], x, y) < 0).sum() for size in SIZES)
    assert large > 1.8 * small


def test_an_unknown_shape_is_refused() -> None:
    nothing = np.zeros((2, 2), np.float32)
    with pytest.raises(ValueError, match="unknown shape 'star'"):
        distance("star", 9.0, nothing, nothing)
