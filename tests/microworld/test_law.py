"""The law: what is true of a scene."""

import pytest

from limner.microworld.law import Constraint, Noun, Scene, Thing, holds, matches

SCENE = Scene(
    (Thing("circle", "red", "large", 0), Thing("square", "blue", "small", 4), Thing("square", "red", "small", 8)),
    "white",
)


@pytest.mark.parametrize(
    ("noun", "matched"),
    [
        (Noun("circle"), True),
        (Noun("circle", "red"), True),
        (Noun("circle", "red", "large"), True),
        (Noun("circle", "blue"), False),
        (Noun("circle", "red", "small"), False),
        (Noun("square", "red"), False),
    ],
)
def test_a_noun_matches_what_it_leaves_open(noun: Noun, matched: bool) -> None:
    assert matches(SCENE.things[0], noun) is matched


@pytest.mark.parametrize(
    ("constraint", "true"),
    [
        (Constraint("exists", Noun("square")), True),
        (Constraint("exists", Noun("ring")), False),
        (Constraint("attribute", Noun("square", "blue")), True),
        (Constraint("size", Noun("circle", size="small")), False),
        (Constraint("count", Noun("square"), count=2), True),
        (Constraint("count", Noun("square", "red"), count=2), False),
        (Constraint("place", Noun("circle"), cell=0), True),
        (Constraint("place", Noun("circle"), cell=1), False),
        (Constraint("relation", Noun("circle"), Noun("square"), "left of"), True),
        (Constraint("relation", Noun("square", "blue"), Noun("square", "red"), "above"), True),
        (Constraint("relation", Noun("circle"), Noun("circle"), "left of"), False),
        (Constraint("ground", ground="white"), True),
        (Constraint("ground", ground="black"), False),
        (Constraint("quality"), True),
    ],
)
def test_constraints_hold_as_the_law_says(constraint: Constraint, true: bool) -> None:
    assert holds(SCENE, constraint) is true
