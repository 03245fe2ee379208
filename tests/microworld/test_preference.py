from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limner.microworld.grammar import request
from limner.microworld.law import Constraint, Noun, Scene, Thing
from limner.microworld.preference import composition, faithfulness, p_first, prefers_first, rival, utility
from limner.microworld.splits import some_scene

CENTRED = Scene((Thing("ring", "red", "large", 4),), "white")


@given(seed=st.integers(0, 10_000))
@settings(max_examples=100, deadline=None)
def test_utility_lies_between_0_and_1_and_grows_with_care(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scene = some_scene(rng, "train")
    asked = [c for c in request(scene, rng).constraints if c.kind != "quality"]
    well, badly = (utility(replace(scene, well=drawn), asked) for drawn in (True, False))
    assert 0 <= badly < well <= 1
    assert faithfulness(scene, asked) == 1


@given(first=st.floats(0, 1), second=st.floats(0, 1))
def test_choices_are_bradley_terry(first: float, second: float) -> None:
    assert p_first(first, second) + p_first(second, first) == pytest.approx(1)
    assert (p_first(first, second) >= 0.5) == (first >= second) or first == pytest.approx(second)


def test_the_right_thing_is_worth_half() -> None:
    red, blue = (Constraint("attribute", Noun("ring", colour)) for colour in ("red", "blue"))
    assert utility(CENTRED, [red]) - utility(CENTRED, [blue]) == pytest.approx(0.5)
    assert utility(CENTRED, []) == pytest.approx(1)


def test_balance_and_breathing_room_make_a_composition() -> None:
    corner = Scene((Thing("ring", "red", "large", 0),), "white")
    apart = Scene((Thing("ring", "red", "large", 3), Thing("ring", "red", "large", 5)), "white")
    crowded = Scene((Thing("ring", "red", "large", 0), Thing("ring", "red", "large", 1)), "white")
    assert composition(CENTRED) == composition(apart) == 1
    assert composition(crowded) < composition(corner) < 1
    assert composition(Scene((), "white")) == 0


def test_who_knows_the_utility_agrees_with_92_percent_of_choices() -> None:
    rng = np.random.default_rng(0)
    agreed = []
    while len(agreed) < 2000:
        scene = some_scene(rng, "train")
        asked = request(scene, rng).constraints
        first, second = (utility(rival(scene, rng), asked) for _ in range(2))
        if first != second:
            agreed.append(prefers_first(first, second, rng) == (first > second))
    assert np.mean(agreed) == pytest.approx(0.92, abs=0.02)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=100, deadline=None)
def test_a_rival_is_a_scene_of_the_world(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scene = rival(some_scene(rng, "train"), rng)
    cells = [thing.cell for thing in scene.things]
    assert 1 <= len(cells) <= 5
    assert cells == sorted(set(cells))
    assert all(0 <= cell < 9 for cell in cells)
