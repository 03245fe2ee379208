"""The eye's and the taste's figures, asked through the doors by which the product asks them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from PIL.Image import Image

from limner.agents import START, DirectiveWriter
from limner.bench.world.asking import Reply, as_scene, balanced, calibration_error, draw_questions, phi, share
from limner.bench.world.gallery import Gallery, Shown
from limner.errors import ScoringError
from limner.microworld.captions import structured
from limner.microworld.grammar import professional
from limner.microworld.labels import Labelled
from limner.microworld.law import Case, Constraint
from limner.microworld.oracle import Reading, read, verdict
from limner.microworld.preference import prefers_first, utility
from limner.microworld.questions import ask
from limner.pictures import encode
from limner.protocols import Scorer, VisionModel
from limner.statistics import clustered_share
from limner.types import Picture, Prompt, Query, Question, Recipe, Score

YES = 0.5
CLEAR_GAP = 0.15
"""Difference in utility from which most people choose alike."""


def as_picture(image: Image, source: str) -> Picture:
    """A picture that no generator drew."""
    recipe = Recipe(Prompt(""), 0)
    return Picture(encode(image, recipe, source), recipe, source)


# -- the eye ---------------------------------------------------------------------------------------------------------


class _Asked(NamedTuple):
    """A question about a picture with its truth, and the eye's P(yes), None where it could not be read."""

    image: int
    constraint: Constraint
    truth: bool
    p_yes: float | None

    @property
    def said(self) -> bool | None:
        return None if self.p_yes is None else self.p_yes >= YES


def eye_figures(vision: VisionModel, looked: Sequence[tuple[Picture, Reading]], seed: int) -> dict[str, Any]:
    """Balanced accuracy of the eye's answers about pictures, where the reading is the truth.

    Questions that the reading leaves open are left out: `unclear_share`. Answers that cannot be read are wrong.
    """
    asked, left_open = _ask(vision, looked, seed)
    told = [(one.p_yes, one.truth) for one in asked if one.p_yes is not None]
    return {
        **balanced([Reply(one.constraint.kind, one.truth, one.said) for one in asked]),
        "calibration_error": calibration_error([p for p, _ in told], [truth for _, truth in told]),
        "unclear_share": left_open / max(1, left_open + len(asked)),
        "unreadable": len(asked) - len(told),
        "pictures": len(looked),
    }


def error_correlation(vision: VisionModel, labels: Sequence[Labelled], seed: int) -> dict[str, Any]:
    """Whether eye and oracle err at the same questions about labelled pictures; the label is the truth."""
    looked = [(as_picture(label.picture, "labelled"), label.reading) for label in labels]
    asked, _ = _ask(vision, looked, seed)
    readings = [read(label.picture) for label in labels]
    eye = [one.said is not one.truth for one in asked]
    oracle = [verdict(readings[one.image], one.constraint) is not one.truth for one in asked]
    return {
        "phi": phi(eye, oracle),
        "questions": len(asked),
        "eye_errors": sum(eye),
        "oracle_errors": sum(oracle),
        "both": sum(a and b for a, b in zip(eye, oracle, strict=True)),
    }


def _ask(vision: VisionModel, looked: Sequence[tuple[Picture, Reading]], seed: int) -> tuple[list[_Asked], int]:
    """The questions with the eye's answers, and how many were left out because their truth is open."""
    rng = np.random.default_rng([seed, 5])
    drawn = [
        (number, constraint, verdict(reading, constraint))
        for number, (_, reading) in enumerate(looked)
        for constraint in draw_questions(as_scene(reading), rng)
    ]
    known = [(number, constraint, truth) for number, constraint, truth in drawn if truth is not None]
    answers = vision.answer([(looked[number][0], Question(ask(one), one.kind)) for number, one, _ in known])
    asked = [
        _Asked(number, constraint, truth, answer.p_yes)
        for (number, constraint, truth), answer in zip(known, answers, strict=True)
    ]
    return asked, len(drawn) - len(known)


# -- the taste -------------------------------------------------------------------------------------------------------

MANNERS = ("plain", "start", "professional", "bare")
"""How a case is asked: as people do, by the start instruction, by a professional, by one without words of quality."""


def painted(cases: Sequence[Case], gallery: Gallery, seed: int) -> dict[str, list[Shown]]:
    """A picture of every case in every manner, each by its own seed."""
    prompts = {
        "plain": [case.text for case in cases],
        "start": asyncio.run(_by_start(cases)),
        "professional": [professional(case, np.random.default_rng([seed, i])) for i, case in enumerate(cases)],
        "bare": [structured(c.scene, np.random.default_rng([seed, i]), [], complete=True) for i, c in enumerate(cases)],
    }
    return {manner: gallery.show(prompts[manner], seed + number * len(cases)) for number, manner in enumerate(MANNERS)}


def painted_in_parts(cases: Sequence[Case], gallery: Gallery, seed: int, together: int) -> dict[str, list[Shown]]:
    """The same, `together` cases at a time: the first ones' pictures are the same however many cases follow."""
    shown: dict[str, list[Shown]] = {manner: [] for manner in MANNERS}
    for start in range(0, len(cases), together):
        part = painted(cases[start : start + together], gallery, seed + start * len(MANNERS))
        for manner, some in part.items():
            shown[manner] += some
    return shown


async def _by_start(cases: Sequence[Case]) -> list[str]:
    writer = DirectiveWriter()
    return [(await writer.write(START, Query(case.id, case.text))).text for case in cases]


class _Pair(NamedTuple):
    """Two pictures of a case: the difference of their utilities and of their scores, and whom somebody preferred."""

    case: int
    gap: float
    scored: float
    first: bool


def taste_figures(taste: Scorer, cases: Sequence[Case], shown: dict[str, list[Shown]], seed: int) -> dict[str, Any]:
    """How far the taste orders two painted pictures of one case as the hidden preference does.

    `utility`: share of pairs with different utility that it orders alike; `clear_pairs`: the same where utilities
    differ by more than `CLEAR_GAP`; `choices`: share of sampled Bradley-Terry choices that it would have made, and
    `choices_of_utility` what the utility itself reaches there. Intervals are clustered by case, and equal scores are
    half right. Pictures with anything unclear and pairs of equal utility are left out and counted.
    """
    rng = np.random.default_rng([seed, 6])
    pairs: list[_Pair] = []
    open_pictures = 0
    for number, case in enumerate(cases):
        mine = [shown[manner][number] for manner in MANNERS]
        told = [one for one in mine if _told(one.reading)]
        open_pictures += len(mine) - len(told)
        scores = _scores(taste, case, told)
        useful = [utility(as_scene(one.reading), case.constraints) for one in told]
        for a, b in combinations(range(len(told)), 2):
            first = prefers_first(useful[a], useful[b], rng)
            pairs.append(_Pair(number, useful[a] - useful[b], scores[a] - scores[b], first))
    different = [pair for pair in pairs if abs(pair.gap) > 1e-9]
    return {
        "utility": _ordered(different, lambda pair: pair.gap > 0),
        "choices": _ordered(different, lambda pair: pair.first),
        "choices_of_utility": share([(pair.gap > 0) == pair.first for pair in different]),
        "clear_pairs": _ordered([pair for pair in different if abs(pair.gap) > CLEAR_GAP], lambda pair: pair.gap > 0),
        "pairs": len(different),
        "cases": len({pair.case for pair in different}),
        "equal_pairs": len(pairs) - len(different),
        "unclear_pictures": open_pictures / max(1, len(cases) * len(MANNERS)),
    }


def _told(reading: Reading) -> bool:
    return reading.clear and reading.ground is not None and reading.well is not None


def _scores(taste: Scorer, case: Case, shown: Sequence[Shown]) -> list[float]:
    query = Query(case.id, case.text)
    values = []
    for score in taste.score([(query, one.picture) for one in shown]):
        if not isinstance(score, Score) or score.value is None:
            raise ScoringError(f"the taste has no score for a picture of {case.text!r}: {score}")
        values.append(score.value)
    return values


def _ordered(pairs: Sequence[_Pair], first: Callable[[_Pair], bool]) -> dict[str, float | None] | None:
    """Share of pairs of which the scores put the first before the second where `first` says so."""
    right: defaultdict[int, list[float]] = defaultdict(list)
    for pair in pairs:
        right[pair.case].append(0.5 if pair.scored == 0 else float((pair.scored > 0) == first(pair)))
    interval = clustered_share(right.values())
    return interval and interval._asdict()
