from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from limner.microworld.law import GROUNDS, PLACES, SIZES, Case, Constraint, Kind, Noun, Scene, Thing, holds
from limner.microworld.oracle import UNCLEAR, Reading, judge, read, verdict
from limner.microworld.questions import KINDS, draw_question
from limner.microworld.render import render
from limner.microworld.splits import some_scene


@lru_cache(maxsize=2)
def readings(well: bool) -> list[tuple[Scene, Reading]]:
    rng = np.random.default_rng(1)
    scenes = [some_scene(rng, "train", well=well) for _ in range(150)]
    return [(scene, read(render(scene, rng))) for scene in scenes]


def balanced_accuracy(kind: Kind, read_scenes: list[tuple[Scene, Reading]]) -> float:
    rng = np.random.default_rng(2)
    right: dict[bool, list[bool]] = {True: [], False: []}
    for scene, reading in read_scenes:
        for yes in (True, False):
            constraint = draw_question(rng, scene, kind, yes)
            if constraint is not None:
                right[yes].append(verdict(reading, constraint) is yes)
    return float(np.mean([np.mean(answers) for answers in right.values()]))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "quality"])
def test_well_drawn_pictures_are_read_without_error(kind: Kind) -> None:
    assert balanced_accuracy(kind, readings(well=True)) >= 0.995


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "quality"])
def test_badly_drawn_pictures_are_read_nearly_as_well(kind: Kind) -> None:
    assert balanced_accuracy(kind, readings(well=False)) >= 0.97


def test_quality_is_told_from_the_drawing() -> None:
    assert balanced_accuracy("quality", readings(well=True) + readings(well=False)) >= 0.99


@pytest.mark.parametrize("colour", ["red", "cyan", "purple"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("filled", "shape"), [(0.0, "ring"), (0.4, "ring"), (0.9, "circle")])
def test_a_round_thing_is_a_ring_while_its_middle_is_plainly_paler(
    colour: str, size: str, filled: float, shape: str
) -> None:
    ring, disc = (
        render(Scene((Thing(one, colour, size, 4),), "white"), np.random.default_rng(3)) for one in ("ring", "circle")
    )
    half_closed = (ring * (1 - filled) + disc * filled).astype(np.uint8)
    assert read(half_closed).things == (Thing(shape, colour, size, 4),)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_a_well_drawn_scene_comes_back_whole(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scene = some_scene(rng, "train", well=True)
    reading = read(render(scene, rng))
    assert (reading.things, reading.ground, reading.well) == (scene.things, scene.ground, True)


@pytest.mark.parametrize("shape", ["ring", "cross", "circle"])
@pytest.mark.parametrize("size", SIZES)
def test_softened_shapes_keep_their_names(shape: str, size: str) -> None:
    rng = np.random.default_rng(3)
    for cell, ground in enumerate((*GROUNDS, *GROUNDS)):
        scene = Scene((Thing(shape, "red", size, cell),), ground)
        soft = Image.fromarray(render(scene, rng)).filter(ImageFilter.GaussianBlur(1.0))
        assert read(soft).things == scene.things


def test_other_sizes_and_modes_are_read_too() -> None:
    scene = Scene((Thing("cross", "cyan", "large", 2),), "black")
    picture = Image.fromarray(render(scene, np.random.default_rng(0)))
    for shown in (picture.resize((96, 96), Image.Resampling.NEAREST), picture.convert("RGBA")):
        assert read(shown).things == scene.things


def test_an_empty_frame_holds_nothing() -> None:
    reading = read(np.full((48, 48, 3), (250, 250, 248), np.uint8))
    assert reading.cells == (None,) * 9
    assert reading.ground == "white"


def test_noise_is_not_read_as_things() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    reading = read(noise)
    assert reading.things == ()
    assert reading.well is not True


RED, BLUE = Thing("circle", "red", "small", 0), Thing("circle", "blue", "large", 8)
HALF_SEEN = Reading((RED, UNCLEAR, None, None, None, None, None, None, BLUE), "white", None)


@pytest.mark.parametrize(
    ("constraint", "expected"),
    [
        (Constraint("exists", Noun("circle", "red")), True),
        (Constraint("exists", Noun("ring")), None),
        (Constraint("count", Noun("circle"), count=2), None),
        (Constraint("count", Noun("circle"), count=1), False),
        (Constraint("count", Noun("circle"), count=4), False),
        (Constraint("place", Noun("circle", "red"), cell=PLACES.index("top left")), True),
        (Constraint("place", Noun("circle", "red"), cell=PLACES.index("top")), None),
        (Constraint("place", Noun("circle", "red"), cell=PLACES.index("bottom")), False),
        (Constraint("relation", Noun("circle", "red"), other=Noun("circle", "blue"), relation="left of"), True),
        (Constraint("relation", Noun("circle", "red"), other=Noun("ring"), relation="left of"), None),
        (Constraint("ground", ground="black"), False),
        (Constraint("quality"), None),
    ],
)
def test_an_unclear_part_makes_a_verdict_none_only_where_it_could_decide_it(
    constraint: Constraint, expected: bool | None
) -> None:
    assert verdict(HALF_SEEN, constraint) is expected


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_verdicts_on_what_is_fully_seen_are_the_law(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scene = some_scene(rng, "train")
    cells: list[Thing | None] = [None] * 9
    for thing in scene.things:
        cells[thing.cell] = thing
    reading = Reading(tuple(cells), scene.ground, scene.well)
    for kind in KINDS:
        for yes in (True, False):
            constraint = draw_question(rng, scene, kind, yes)
            if constraint is not None:
                assert verdict(reading, constraint) == holds(scene, constraint) == yes


def test_a_case_is_judged_constraint_by_constraint() -> None:
    scene = Scene((Thing("ring", "green", "large", 4),), "grey", well=False)
    asked = (Constraint("exists", Noun("ring", "green")), Constraint("exists", Noun("square")))
    judged = judge(render(scene, np.random.default_rng(5)), Case("one", "a green ring and a square", asked, scene))
    assert judged.verdicts == (True, False)
    assert (judged.all_correct, judged.well_drawn) == (False, False)
