"""Requests by category ask what their category says, of scenes that fulfil them."""

from __future__ import annotations

import pytest

from limner.microworld.categories import CATEGORIES, MOST_CONCEPTS, category_cases
from limner.microworld.law import holds
from limner.microworld.splits import content, split_of


@pytest.mark.parametrize("category", CATEGORIES)
def test_scenes_fulfil_what_is_asked_and_texts_differ(category: str) -> None:
    some = category_cases(category, 10)
    assert len({case.text for case in some}) == 10
    for case in some:
        assert case.tags == (category,)
        assert all(holds(case.scene, constraint) for constraint in case.constraints)
        assert split_of(content(case.scene.things)) == "held_out"


@pytest.mark.parametrize("concepts", range(1, MOST_CONCEPTS + 1))
def test_a_complex_case_has_exactly_its_concepts_beside_the_first_object(concepts: int) -> None:
    for case in category_cases(f"complex-{concepts}", 10, seed=1):
        assert len(set(case.constraints)) == len(case.constraints) == concepts + 1
        asked = [constraint.kind for constraint in case.constraints]
        objects = asked.count("exists")
        assert objects == len({thing.shape for thing in case.scene.things})
        assert (objects - 1) + sum(kind != "exists" for kind in asked) == concepts
        assert "quality" not in asked


def test_what_is_said_is_what_is_asked() -> None:
    for case in category_cases("complex-5", 20):
        colours = {c.noun.colour for c in case.constraints if c.kind == "attribute" and c.noun}
        shown = {thing.colour for thing in case.scene.things}
        assert {colour for colour in shown if colour in case.text.split()} == colours


def test_the_named_categories_bind_count_and_place() -> None:
    for case in category_cases("attribute", 10):
        assert len([c for c in case.constraints if c.kind == "attribute"]) >= 2
    for case in category_cases("counting", 10):
        assert any(c.kind == "count" and c.count and c.count > 1 for c in case.constraints)
    for case in category_cases("spatial", 10):
        assert any(c.kind == "relation" for c in case.constraints)


def test_more_cases_begin_with_the_same() -> None:
    assert category_cases("complex-3", 8)[:4] == category_cases("complex-3", 4)
    assert category_cases("complex-3", 4, seed=1) != category_cases("complex-3", 4)


def test_a_category_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="no category 'complex-8': choose one of attribute"):
        category_cases("complex-8", 1)
