from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limner.microworld.law import Constraint, Noun, Scene, holds
from limner.microworld.questions import KINDS, ask, draw_question
from limner.microworld.splits import some_scene

CROSS = Noun("cross", "orange")


@pytest.mark.parametrize(
    ("constraint", "question"),
    [
        (Constraint("exists", CROSS), "Is there an orange cross?"),
        (Constraint("exists", Noun("ring")), "Is there a ring?"),
        (Constraint("exists", Noun("square", "blue", "large")), "Is there a large blue square?"),
        (Constraint("count", CROSS, count=1), "Is there exactly one orange cross?"),
        (Constraint("count", CROSS, count=3), "Are there exactly three orange crosses?"),
        (Constraint("count", Noun("ring"), count=5), "Are there exactly five rings?"),
        (Constraint("attribute", CROSS), "Is the cross orange?"),
        (Constraint("size", Noun("cross", "orange", "small")), "Is the orange cross small?"),
        (Constraint("relation", CROSS, other=Noun("ring"), relation="above"), "Is the orange cross above the ring?"),
        (Constraint("place", CROSS, cell=0), "Is the orange cross at the top left?"),
        (Constraint("ground", ground="grey"), "Is the background grey?"),
        (Constraint("quality"), "Is the picture drawn well?"),
    ],
)
def test_wording(constraint: Constraint, question: str) -> None:
    assert ask(constraint) == question


@pytest.mark.parametrize("count", [0, 6, None])
def test_a_count_without_a_word_is_refused(count: int | None) -> None:
    with pytest.raises(ValueError, match="between 1 and 5"):
        ask(Constraint("count", CROSS, count=count))


def test_a_missing_noun_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a noun"):
        ask(Constraint("exists"))


@given(seed=st.integers(0, 100_000), kind=st.sampled_from(KINDS), yes=st.booleans())
@settings(max_examples=150, deadline=None)
def test_an_invented_question_has_the_wanted_answer(seed: int, kind: str, yes: bool) -> None:
    rng = np.random.default_rng(seed)
    scene = some_scene(rng, "train")
    constraint = draw_question(rng, scene, kind, yes)  # type: ignore[arg-type]
    if constraint is not None:
        assert constraint.kind == kind
        assert holds(scene, constraint) == yes
        assert ask(constraint).endswith("?")


def test_an_empty_scene_offers_no_questions_about_things() -> None:
    rng = np.random.default_rng(0)
    assert draw_question(rng, Scene((), "white"), "exists", False) is None
    assert draw_question(rng, Scene((), "white"), "ground", True) is not None
