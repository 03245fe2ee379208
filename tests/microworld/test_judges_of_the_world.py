"""The shipped eye and taste, through the same code that loads a LLaVA and HPS v2."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image

from limner.microworld.cases import cases
from limner.microworld.preference import rival, utility
from limner.microworld.questions import ask, draw_question
from limner.microworld.render import render
from limner.microworld.splits import some_scene
from limner.pictures import encode
from limner.types import Picture, Prompt, Query, Question, Recipe, Score

if TYPE_CHECKING:
    from limner.microworld.law import Scene

KINDS = ("exists", "attribute", "count", "size", "relation", "ground", "place", "quality")
RECIPE = Recipe(Prompt("a test"), 0)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def picture(scene: Scene, rng: np.random.Generator) -> Picture:
    return Picture(encode(Image.fromarray(render(scene, rng)), RECIPE, "rendering"), RECIPE, "rendering")


def test_the_eye_answers_questions_about_unseen_contents() -> None:
    from limner.scoring import vision_model

    rng = np.random.default_rng(5)
    asked, truths = [], []
    for number in range(480):
        scene = some_scene(rng, "held_out")
        kind, truth = KINDS[number % len(KINDS)], bool(number // len(KINDS) % 2)
        constraint = draw_question(rng, scene, kind, truth)
        if constraint is None:
            continue
        asked.append((picture(scene, rng), Question(ask(constraint), kind)))
        truths.append(truth)
    right = defaultdict(list)
    for (_, question), answer, truth in zip(asked, vision_model("microworld").answer(asked), truths, strict=True):
        assert answer.p_yes is not None
        right[question.kind].append((answer.p_yes >= 0.5) == truth)
    assert sum(map(sum, right.values())) / len(asked) >= 0.8
    assert all(sum(some) / len(some) >= 0.6 for some in right.values()), {k: sum(v) / len(v) for k, v in right.items()}


def test_the_taste_prefers_what_people_of_the_world_prefer() -> None:
    from limner.scoring import scorer

    rng = np.random.default_rng(6)
    pairs, wanted = [], []
    for case in cases("held_out", 120):
        first, second = rival(case.scene, rng), rival(case.scene, rng)
        gap = utility(first, case.constraints) - utility(second, case.constraints)
        if abs(gap) < 0.1:
            continue
        pairs += [(Query(case.id, case.text), picture(scene, rng)) for scene in (first, second)]
        wanted.append(gap > 0)
    scores = [score.value for score in scorer("microworld").score(pairs) if isinstance(score, Score)]
    preferred = [first > second for first, second in zip(scores[::2], scores[1::2], strict=True)]
    assert len(wanted) > 60
    assert np.mean([a == b for a, b in zip(preferred, wanted, strict=True)]) >= 0.75
