"""The painter's figures on readings whose worth is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from limner.microworld.figures import NAMES, complete_prompts, painter_figures, scenes_behind, some_scenes
from limner.microworld.law import Scene, Thing
from limner.microworld.oracle import UNCLEAR, Reading

COUNTS = {1: 6, 2: 6, 5: 4}
SCENES = {count: some_scenes(many, count, 3) for count, many in COUNTS.items()}


def seen(scene: Scene) -> Reading:
    cells = {thing.cell: thing for thing in scene.things}
    return Reading(tuple(cells.get(cell) for cell in range(9)), scene.ground, scene.well)


class Painter:
    """Paints the scenes of each call as they are, and each next call of the same scenes too."""

    def __init__(self, *calls: int) -> None:
        self.calls = iter(calls)
        self.prompts: list[list[str]] = []
        self.seeds: list[int] = []

    def __call__(self, prompts: Sequence[str], seed: int) -> list[Reading]:
        self.prompts.append(list(prompts))
        self.seeds.append(seed)
        return [self.read(scene) for scene in SCENES[next(self.calls)]]

    def read(self, scene: Scene) -> Reading:
        return seen(scene)


ORDER = (1, 1, 2, 2, 2, 5)
"""Things in the scenes of each call: complete and bare for one; complete, bare and loose for two; complete."""


def test_a_perfect_painter() -> None:
    report = painter_figures(Painter(*ORDER), COUNTS, seed=3)
    for things, count in COUNTS.items():
        for suffix in ("", "_exact", "_kinds", "_places", "_ground", "_well"):
            assert report[NAMES[things] + suffix] == [1.0] * count
    assert report["two_objects_loose"] == report["two_objects_asked"] == [1.0] * 6
    assert report["loose_loss"] == [0.0] * 6
    assert report["quality_gain"] == [0.0] * 12


def test_every_value_has_the_scene_whose_picture_it_tells_of() -> None:
    class Crossless(Painter):
        def read(self, scene: Scene) -> Reading:
            return seen(replace(scene, things=tuple(thing for thing in scene.things if thing.shape != "cross")))

    report = painter_figures(Crossless(*ORDER), COUNTS, seed=3)
    for figure, values in report.items():
        assert len(scenes_behind(figure, COUNTS, seed=3)) == len(values)
    for things in COUNTS:
        scenes = scenes_behind(f"{NAMES[things]}_kinds", COUNTS, seed=3)
        whole = [all(thing.shape != "cross" for thing in scene.things) for scene in scenes]
        assert report[f"{NAMES[things]}_kinds"] == [float(one) for one in whole]


def test_what_is_unclear_does_not_hold() -> None:
    class Blind(Painter):
        def read(self, scene: Scene) -> Reading:
            return Reading((UNCLEAR,) * 9, None, None)

    report = painter_figures(Blind(*ORDER), COUNTS, seed=3)
    assert all(sum(values) == 0 for values in report.values())


def test_a_stray_thing_is_only_not_exact() -> None:
    class Generous(Painter):
        def read(self, scene: Scene) -> Reading:
            free = next(cell for cell in range(9) if cell not in {thing.cell for thing in scene.things})
            kinds = {(thing.shape, thing.colour) for thing in scene.things}
            colour = next(c for c in ("red", "blue", "pink", "green", "cyan", "orange") if ("ring", c) not in kinds)
            return seen(replace(scene, things=(*scene.things, Thing("ring", colour, "large", free))))

    report = painter_figures(Generous(*ORDER), COUNTS, seed=3)
    assert report["one_object"] == [1.0] * 6
    assert report["one_object_exact"] == [0.0] * 6


def test_words_of_quality_are_all_that_differs_and_seeds_are_shared() -> None:
    painter = Painter(*ORDER)
    painter_figures(painter, COUNTS, seed=3)
    (complete, bare), (again, plain, loose) = painter.prompts[:2], painter.prompts[2:5]
    for words, without in zip(complete + again, bare + plain, strict=True):
        assert without in words
        assert len(words) > len(without)
    assert not set(loose) & set(again)
    assert painter.seeds[0] == painter.seeds[1]
    assert painter.seeds[2] == painter.seeds[3] == painter.seeds[4] != painter.seeds[0]


@pytest.mark.parametrize("things", [1, 3])
def test_prompts_repeat(things: int) -> None:
    scenes = some_scenes(4, things, 1)
    assert scenes == some_scenes(6, things, 1)[:4]
    assert complete_prompts(scenes, 7) == complete_prompts(scenes, 7)
    assert complete_prompts(scenes, 7) != complete_prompts(scenes, 8)
