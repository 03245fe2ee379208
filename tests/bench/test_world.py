"""What the benchmark of the embedded world says of judges and pictures whose worth is known."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from limner.bench.world import judges, oracle
from limner.bench.world.asking import (
    Reply,
    as_reading,
    as_scene,
    balanced,
    calibration_error,
    draw_questions,
    phi,
    unclear,
)
from limner.bench.world.gallery import Gallery, Shown
from limner.bench.world.targets import TARGETS, judged
from limner.cli.main import main
from limner.errors import GenerationError
from limner.microworld import reader
from limner.microworld.cases import cases
from limner.microworld.labels import Labelled
from limner.microworld.law import holds
from limner.microworld.oracle import UNCLEAR, Reading, read
from limner.microworld.preference import utility
from limner.microworld.questions import KINDS, ask
from limner.microworld.splits import some_scene
from limner.testing.fakes import CountingGenerator, HashGenerator, ScorerFromFunction, VisionFromFunction
from limner.types import Picture, Query, Question

flags = st.lists(st.booleans(), min_size=1, max_size=60)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def drawn() -> list[oracle.Rendering]:
    return oracle.renderings(24, 1)


# -- asking ----------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(flags, st.booleans())
def test_whoever_always_says_the_same_is_right_half_the_time(truths: list[bool], word: bool) -> None:
    told = balanced([Reply("exists", truth, word) for truth in truths])
    assert told["min"] == (0.5 if len(set(truths)) == 2 else float(truths[0] is word))
    assert told["questions"] == len(truths)


@settings(deadline=None)
@given(flags)
def test_an_unclear_reply_is_never_right_and_a_right_one_always(truths: list[bool]) -> None:
    lost, found = [Reply("size", truth, None) for truth in truths], [Reply("size", truth, truth) for truth in truths]
    assert balanced(lost)["min"] == 0
    assert unclear(lost) == {"size": 1.0}
    assert balanced(found)["by_kind"] == {"size": 1.0}
    assert unclear(found) == {"size": 0.0}


def test_the_least_kind_counts() -> None:
    told = balanced([Reply("place", True, True), Reply("count", True, True), Reply("count", False, True)])
    assert told["by_kind"] == {"count": 0.5, "place": 1.0}
    assert told["min"] == 0.5
    assert balanced([])["min"] is None


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000))
def test_every_kind_is_asked_with_either_answer(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scene = some_scene(rng, "held_out")
    asked = draw_questions(scene, rng)
    truths = [(c.kind, holds(scene, c)) for c in asked]
    assert len(set(truths)) == len(truths)
    assert {kind for kind, _ in truths} >= set(KINDS) - {"relation"}
    assert as_scene(as_reading(scene)) == scene


def test_calibration() -> None:
    assert calibration_error([0.25] * 4, [True, False, False, False]) == pytest.approx(0)
    assert calibration_error([1.0] * 4, [False] * 4) == 1
    assert calibration_error([0.05, 0.95], [False, True]) == pytest.approx(0.05)
    assert calibration_error([], []) is None


@settings(deadline=None)
@given(flags)
def test_errors_made_together_and_apart(errors: list[bool]) -> None:
    if len(set(errors)) == 2:
        assert phi(errors, errors) == pytest.approx(1)
        assert phi(errors, [not error for error in errors]) == pytest.approx(-1)
    assert phi(errors, [False] * len(errors)) is None


# -- oracle ----------------------------------------------------------------------------------------------------------


def test_the_oracle_reads_renderings(drawn: list[oracle.Rendering]) -> None:
    report = oracle.on_renderings(drawn, 1)
    for name in ("oracle_clean", "oracle_bad"):
        assert set(report[name]["by_kind"]) == set(KINDS)
        assert report[name]["min"] > 0.9
        assert report[name]["pictures"] == 12


def test_the_second_reader_agrees_about_renderings(drawn: list[oracle.Rendering]) -> None:
    shown = [Shown(judges.as_picture(picture, "rendering"), read(picture)) for _, picture in drawn]
    assert oracle.agreement(shown, 1)["min"] > 0.85


def test_readers_who_cannot_tell_agree_unless_it_is_meant_strictly(
    drawn: list[oracle.Rendering], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = [Shown(judges.as_picture(picture, "rendering"), read(picture)) for _, picture in drawn]
    blind = Reading((UNCLEAR,) * 9, None, None)
    monkeypatch.setattr(reader, "read", lambda pictures: [blind for _ in pictures])
    told = oracle.agreement(shown, 1)
    assert told["by_kind"]["place"] == pytest.approx(0.5, abs=0.05)
    assert set(told["strict"]["by_kind"].values()) == {0.0}
    assert told["strict"]["questions"] == told["questions"]


def test_labels_that_leave_things_open_are_counted(drawn: list[oracle.Rendering]) -> None:
    sure = [Labelled(picture, (as_reading(scene),), "") for scene, picture in drawn]
    report = oracle.against_labels(sure, 1)
    assert report["unclear_label_share"] == 0
    assert report["share"] > 0.95
    unsure = [replace(label, seen=(Reading((UNCLEAR,) * 9, label.reading.ground, None),)) for label in sure]
    report = oracle.against_labels(unsure, 1)
    assert set(report["by_kind"]) == {"ground"}
    assert report["unclear_label_share"] > 0


def test_what_two_labellers_see_alike_is_counted(drawn: list[oracle.Rendering]) -> None:
    known = [as_reading(scene) for scene, _ in drawn]
    blind = Reading((UNCLEAR, *known[0].cells[1:]), None, known[0].well)
    seconds = [blind, *known[1:]]
    labels = [Labelled(one.picture, (a, b), "") for one, a, b in zip(drawn, known, seconds, strict=True)]
    told = oracle.against_labels(labels, 1)["labellers"]
    assert told["alike"] == told["quality_alike"] == 1
    assert told["ground_alike"] == 1 - 1 / len(drawn)
    standing = sum(len(reading.things) for reading in known) + (known[0].cells[0] is None)
    assert told["open_cells"] == pytest.approx(1 / standing)


def test_labels_of_other_pictures_are_not_met(drawn: list[oracle.Rendering]) -> None:
    turned = [*drawn[1:], drawn[0]]
    labels = [Labelled(other.picture, (as_reading(one.scene),), "") for one, other in zip(drawn, turned, strict=True)]
    assert oracle.against_labels(labels, 1)["min"] < 0.7


# -- judges ----------------------------------------------------------------------------------------------------------


def test_an_eye_that_sees_everything_and_one_that_says_yes(drawn: list[oracle.Rendering]) -> None:
    looked = [(judges.as_picture(picture, "rendering"), as_reading(scene)) for scene, picture in drawn]
    known = {picture.sha256: scene for (picture, _), (scene, _) in zip(looked, drawn, strict=True)}

    def answer(picture: Picture, question: Question) -> float:
        scene, rng = known[picture.sha256], np.random.default_rng(0)
        while True:  # the truth of a question, found among those that can be asked of the scene
            for constraint in draw_questions(scene, rng):
                if ask(constraint) == question.text:
                    return float(holds(scene, constraint))

    few = looked[:2]
    perfect = judges.eye_figures(VisionFromFunction(answer), few, 1)
    assert perfect["min"] == 1
    assert perfect["calibration_error"] == 0
    yes = judges.eye_figures(VisionFromFunction(lambda *_: 1.0), looked, 1)
    assert yes["by_kind"]["place"] == 0.5
    assert yes["calibration_error"] == pytest.approx(0.5, abs=0.05)
    mute = judges.eye_figures(VisionFromFunction(lambda *_: None), looked, 1)
    assert mute["min"] == 0
    assert mute["unreadable"] == mute["questions"]


def test_errors_of_an_eye_that_always_says_yes(drawn: list[oracle.Rendering]) -> None:
    turned = [*drawn[1:], drawn[0]]
    labels = [Labelled(other.picture, (as_reading(one.scene),), "") for one, other in zip(drawn, turned, strict=True)]
    told = judges.error_correlation(VisionFromFunction(lambda *_: 1.0), labels, 1)
    assert 0 < told["both"] <= min(told["eye_errors"], told["oracle_errors"])
    assert -1 <= told["phi"] <= 1


def test_a_taste_that_knows_the_utility_is_perfect(drawn: list[oracle.Rendering]) -> None:
    some = cases("held_out", 6)
    every = [Shown(judges.as_picture(picture, "rendering"), as_reading(scene)) for scene, picture in drawn]
    shown = {manner: every[6 * number : 6 * number + 6] for number, manner in enumerate(judges.MANNERS)}
    scene_of = {one.picture.sha256: as_scene(one.reading) for one in every}
    asked = {case.id: case.constraints for case in some}

    def useful(query: Query, picture: Picture) -> float:
        return utility(scene_of[picture.sha256], asked[query.id])

    best = judges.taste_figures(ScorerFromFunction(useful), some, shown, 1)
    worst = judges.taste_figures(ScorerFromFunction(lambda *both: -useful(*both)), some, shown, 1)
    assert best["utility"]["mean"] == best["clear_pairs"]["mean"] == 1
    assert worst["utility"]["mean"] == 0
    assert best["choices"]["mean"] == best["choices_of_utility"] == pytest.approx(1 - worst["choices"]["mean"])
    assert best["pairs"] + best["equal_pairs"] == 36
    assert best["unclear_pictures"] == 0


def test_a_taste_without_an_opinion_is_half_right_however_it_is_asked(drawn: list[oracle.Rendering]) -> None:
    every = [Shown(judges.as_picture(picture, "rendering"), as_reading(scene)) for scene, picture in drawn]
    shown = {manner: every[6 * number : 6 * number + 6] for number, manner in enumerate(judges.MANNERS)}
    told = judges.taste_figures(ScorerFromFunction(lambda *_: 0.3), cases("held_out", 6), shown, 1)
    assert told["utility"] == {"mean": 0.5, "low": 0.5, "high": 0.5}
    assert told["choices"]["mean"] == 0.5
    assert told["cases"] == 6


def test_the_first_cases_have_the_same_pictures_however_many_follow() -> None:
    some = cases("held_out", 5)
    few = judges.painted(some[:2], Gallery(HashGenerator(size=(48, 48))), 7)
    gallery = Gallery(HashGenerator(size=(48, 48)))
    many = judges.painted_in_parts(some, gallery, 7, 2)
    assert {manner: shown[:2] for manner, shown in many.items()} == few
    assert {len(shown) for shown in many.values()} == {5}
    assert len({one.picture.recipe.seed for one in gallery.shown}) == 20


# -- gallery and targets ---------------------------------------------------------------------------------------------


def test_each_picture_is_drawn_once() -> None:
    painter = CountingGenerator(HashGenerator(size=(48, 48)))
    gallery = Gallery(painter)
    first = gallery.show(["a", "b"], 5)
    assert gallery.show(["a", "b", "c"], 5)[:2] == first
    assert painter.log.shapes == [2, 1]
    assert [one.picture.recipe.seed for one in gallery.shown] == [5, 6, 7]


def test_a_picture_that_cannot_be_drawn_stops_the_measure() -> None:
    with pytest.raises(GenerationError, match="did not draw 'b'"):
        Gallery(HashGenerator(failing=[6])).show(["a", "b"], 5)


def _report(value: float | None) -> dict[str, Any]:
    report: dict[str, Any] = {}
    for target in TARGETS.values():
        inner = report
        for key in target.path[:-1]:
            inner = inner.setdefault(key, {})
        inner[target.path[-1]] = value
    return report


def test_targets_are_met_from_their_own_side() -> None:
    few, many = judged(_report(0.0)), judged(_report(1e6))
    for name, row in few.items():
        assert row["met"] is (row["at"] == "most")
        assert many[name]["met"] is not row["met"]
    assert not any(row["met"] for row in judged(_report(None)).values())


@pytest.mark.slow
def test_the_whole_benchmark(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bench", "world", "--quick", "--json", "--quiet"])
    assert not ended.value.code
    out, err = capsys.readouterr()
    assert err == ""
    report = json.loads(out)
    assert set(report["targets"]) == set(TARGETS)
    assert 0 <= report["painter"]["previews"]["decided"]["mean"] <= 1
    assert report["targets"]["weights_mb"]["met"]
    assert report["targets"]["gflop_per_picture"]["met"]
