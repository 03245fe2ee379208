"""`limner bench calibration`: how far eye and taste can be believed, against the oracle, kind by kind, with curves.

The embedded painter draws held-out cases asked in four manners, so that pictures are good and bad. What the oracle
reads is the truth: of each question that the eye is asked, and of which of two pictures of a case is the better one.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from limner.agents import RuleQuestioner
from limner.bench.calibration_figures import Duel, agreement, auc, calibrated, preference_chances
from limner.bench.conditions import conditions
from limner.bench.surrogate import Units
from limner.bench.world.asking import as_scene, draw_questions
from limner.bench.world.gallery import Gallery, Shown
from limner.bench.world.judges import painted
from limner.errors import StorageError
from limner.generation import generator
from limner.microworld.cases import SHIPPED, cases
from limner.microworld.law import Case
from limner.microworld.oracle import judge, verdict
from limner.microworld.preference import utility
from limner.microworld.questions import KINDS, ask
from limner.protocols import Scorer, VisionModel
from limner.scoring import QuestionScorer, scorer, vision_model
from limner.statistics import Spread
from limner.tracing.report.curves import Panel, reliability_svg
from limner.types import Failure, Query, Question

SEED = 6
CASES = {True: 4, False: 100}
"""Held-out cases by whether the run is a quick one; each is drawn in four manners."""
_PICTURE_SEEDS = 40_000_000
JUDGES = ("taste", "questions", "both")
"""`both` is half taste in its own deviations within a case, half questions: the reward of a search."""

_log = logging.getLogger(__name__)


class Seen(NamedTuple):
    """A picture of a case: the oracle's utility (None where it reads something unclearly) and the judges' scores."""

    case: Case
    useful: float | None
    correct: bool
    well: bool
    taste: float | None
    questions: float | None


def measure(*, quick: bool = False, out: Path | None = None) -> dict[str, Any]:
    """Measure, and draw the curves into `calibration.svg` in the folder `out`."""
    some = cases("held_out", SHIPPED["held_out"])[: CASES[quick]]
    gallery = Gallery(generator("microworld", batch=16))
    shown = painted(some, gallery, _PICTURE_SEEDS)
    vision, taste = vision_model("microworld"), scorer("microworld")
    _log.info("asking about %d pictures", len(gallery.shown))
    eye = eye_figures(vision, [one for of_manner in shown.values() for one in of_manner])
    seen = [one for number, case in enumerate(some) for one in _seen(case, number, shown, taste, vision)]
    preference = preferences(seen)
    report: dict[str, Any] = {
        "eye": eye,
        "auc": {"well_drawn": _auc(seen, "well"), "all_correct": _auc(seen, "correct")},
        "preference": preference,
        "by_category": by_category(seen),
        "unclear_pictures": sum(one.useful is None for one in seen) / len(seen),
        "chart": str(_draw(out or Path("runs"), eye, preference)),
    }
    return report | conditions(seeds=[SEED], pictures=len(gallery.shown), quick=quick)


# -- the eye ---------------------------------------------------------------------------------------------------------


def eye_figures(vision: VisionModel, looked: Sequence[Shown]) -> dict[str, Any]:
    """Calibration of P(yes) by kind of question, and of all, where the oracle's reading is the truth.

    About every picture, for each kind, one question is asked whose answer is yes and one whose answer is no, most of
    these near misses. Questions that the reading leaves open are left out; so are, and are counted, unreadable answers.
    """
    rng = np.random.default_rng([SEED, 1])
    drawn = [
        (one, constraint, verdict(one.reading, constraint))
        for one in looked
        for constraint in draw_questions(as_scene(one.reading), rng)
    ]
    known = [(one, constraint, truth) for one, constraint, truth in drawn if truth is not None]
    answers = vision.answer([(one.picture, Question(ask(asked), asked.kind)) for one, asked, _ in known])
    told: defaultdict[str, list[tuple[float, bool]]] = defaultdict(list)
    for (_, constraint, truth), answer in zip(known, answers, strict=True):
        if answer.p_yes is not None:
            for name in ("all", constraint.kind):
                told[name].append((answer.p_yes, truth))
    figures = {name: calibrated(*zip(*told[name], strict=True)) for name in ("all", *KINDS) if told[name]}
    return {
        **figures.get("all", calibrated([], [])),
        "by_kind": {name: row for name, row in figures.items() if name != "all"},
        "unreadable": len(known) - len(told["all"]),
        "open": len(drawn) - len(known),
    }


# -- taste and questions ---------------------------------------------------------------------------------------------


def _seen(
    case: Case, number: int, shown: Mapping[str, Sequence[Shown]], taste: Scorer, vision: VisionModel
) -> list[Seen]:
    query = Query(case.id, case.text)
    asked = asyncio.run(RuleQuestioner().questions(query))
    mine = [of_manner[number] for of_manner in shown.values()]
    pairs = [(query, one.picture) for one in mine]
    tastes, answers = taste.score(pairs), QuestionScorer(vision, lambda _: asked).score(pairs)
    rows = []
    for one, liked, answered in zip(mine, tastes, answers, strict=True):
        judgement, scene = judge(one.picture.image(), case), as_scene(one.reading)
        clear = one.reading.clear and one.reading.ground is not None and one.reading.well is not None
        rows.append(
            Seen(
                case,
                utility(scene, case.constraints) if clear else None,
                judgement.all_correct,
                judgement.well_drawn is True,
                None if isinstance(liked, Failure) else liked.value,
                None if isinstance(answered, Failure) else answered.value,
            )
        )
    return rows


def _auc(seen: Sequence[Seen], truth: str) -> dict[str, float | None]:
    """How well a judge's score tells pictures that are right from others, over all cases."""
    figures = {}
    for name in ("taste", "questions"):
        told = [(getattr(one, name), getattr(one, truth)) for one in seen if getattr(one, name) is not None]
        figures[name] = auc([score for score, _ in told], [right for _, right in told])
    return figures


def preferences(seen: Sequence[Seen]) -> dict[str, Any]:
    """For each judge: how often it prefers the picture that the oracle prefers, and how far its chances are right."""
    figures: dict[str, Any] = {}
    for name, duels in _duels(seen).items():
        figures[name] = {"agreement": agreement(duels), **calibrated(*preference_chances(duels))}
    return figures


def by_category(seen: Sequence[Seen]) -> dict[str, Any]:
    """Agreement with the oracle's preference by what the case is about."""
    tagged: defaultdict[str, list[Seen]] = defaultdict(list)
    for one in seen:
        tagged[one.case.tags[0]].append(one)
    return {
        tag: {name: agreement(duels) for name, duels in _duels(some).items()} for tag, some in sorted(tagged.items())
    }


def _duels(seen: Sequence[Seen]) -> dict[str, list[Duel]]:
    """All pairs of clear pictures of one case, by judge."""
    by_case: defaultdict[str, list[Seen]] = defaultdict(list)
    for one in seen:
        if one.useful is not None and one.taste is not None and one.questions is not None:
            by_case[one.case.id].append(one)
    groups = list(by_case.values())
    units = Units(_spread(groups, "taste"), _spread(groups, "questions"))
    duels: dict[str, list[Duel]] = {name: [] for name in JUDGES}
    for case, several in by_case.items():
        for a, b in combinations(several, 2):
            gap, liked, held = (_gap(a.useful, b.useful), _gap(a.taste, b.taste), _gap(a.questions, b.questions))
            scored = {"taste": liked, "questions": held, "both": units.reward(liked, held)}
            for name in JUDGES:
                duels[name].append(Duel(case, gap, scored[name]))
    return duels


def _gap(first: float | None, second: float | None) -> float:
    assert first is not None
    assert second is not None
    gap = first - second
    return 0.0 if abs(gap) < 1e-9 else gap


def _spread(groups: Sequence[Sequence[Seen]], judge: str) -> float:
    """Pooled deviation of a judge's scores within cases, as the reward has it."""
    return max(Spread.within([getattr(one, judge) for one in several] for several in groups).sd, 1e-6)


# -- the chart -------------------------------------------------------------------------------------------------------


def _draw(folder: Path, eye: Mapping[str, Any], preference: Mapping[str, Any]) -> Path:
    panels = [_panel("eye, all kinds", eye)]
    panels += [_panel(f"eye: {kind}", row) for kind, row in eye["by_kind"].items()]
    panels += [_panel(f"prefers as the oracle: {name}", preference[name]) for name in JUDGES]
    path = folder / "calibration.svg"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(reliability_svg(panels), encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error}. Choose another folder with --out.") from error
    return path


def _panel(title: str, row: Mapping[str, Any]) -> Panel:
    points = tuple((one["p"], one["share"], int(one["count"])) for one in row["reliability"])
    return Panel(title, points, row["auc"], row["calibration_error"])
