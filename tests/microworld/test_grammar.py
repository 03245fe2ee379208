"""Requests are true of their scenes and professional prompts are complete."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from limner.microworld import language as say
from limner.microworld.cases import cases
from limner.microworld.grammar import TAGS, facts, possible, professional, request
from limner.microworld.law import PLACES, Noun, holds
from limner.microworld.splits import SPLITS, some_scene


@given(st.integers(0, 10_000), st.sampled_from(SPLITS))
@settings(max_examples=100, deadline=None)
def test_every_request_is_true_of_its_scene(seed: int, split: str) -> None:
    rng = np.random.default_rng(seed)
    scene = some_scene(rng, split, well=True)
    for tag in possible(scene):
        asked = request(scene, rng, tag)
        assert asked.tag == tag
        assert asked.constraints
        assert all(holds(scene, constraint) for constraint in asked.constraints)


@given(st.integers(0, 10_000))
@settings(max_examples=100, deadline=None)
def test_facts_fix_the_scene(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scene, other = some_scene(rng, "train"), some_scene(rng, "train")
    assert all(holds(scene, fact) for fact in facts(scene))
    same = (scene.things, scene.ground) == (other.things, other.ground)
    assert all(holds(other, fact) for fact in facts(scene)) is same


def test_all_tags_are_asked() -> None:
    assert {case.tags[0] for case in cases("search", 100)} == set(TAGS)


def test_requests_rarely_say_where() -> None:
    found = cases("search", 150)
    placed = [case for case in found if any(c.kind == "place" for c in case.constraints)]
    assert 0.05 < len(placed) / len(found) < 0.5


@given(st.integers(0, 10_000))
@settings(max_examples=50, deadline=None)
def test_professionals_say_everything(seed: int) -> None:
    (case,) = cases("search", 1, seed)
    prompt = professional(case, np.random.default_rng(seed))
    assert case.scene.ground in prompt
    assert any(word in prompt for word in say.QUALITY)
    for thing in case.scene.things:
        assert thing.shape in prompt
        assert thing.colour in prompt
        assert any(word in prompt for word in say.SIZE_WORDS[thing.size])


def test_phrases_read_as_english() -> None:
    assert say.a("orange ring") == "an orange ring"
    assert say.a("red ring") == "a red ring"
    assert say.bare(Noun("cross", "blue", "small"), many=True) == "small blue crosses"
    assert say.joined(["a", "b", "c"]) == "a, b and c"
    rng = np.random.default_rng(0)
    assert {say.place_name(cell, rng, other=0) for cell in range(9)} == set(PLACES)
