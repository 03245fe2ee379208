"""`limner bench search`: the desk counts fairly, figures are right, the surrogate is replayable."""

import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from limner.agents import START
from limner.bench.search import OURS, measure, ratio, summary
from limner.bench.search_chart import chart
from limner.bench.search_desk import STUCK, Desk, Limits, Over, pictures_until
from limner.bench.search_world import BLOCK, HELD_OUT, held_out, share_of, surrogate_world, written
from limner.bench.surrogate import surrogate
from limner.types import Prompt, Query

QUERY = Query("q", "a red circle and a blue square")
GOOD = "Give every object a place of its own in the frame. Ask for a carefully drawn, professional masterpiece."


@pytest.fixture(scope="module")
def world():
    return surrogate_world(surrogate())


def test_equal_requests_prompts_and_seeds_get_equal_judgements():
    fitted = surrogate()
    first, again = (fitted.judged(QUERY, Prompt("a red circle, a blue square"), 3) for _ in range(2))
    assert first == again
    assert first != fitted.judged(QUERY, Prompt("a red circle, a blue square"), 4)
    assert first != fitted.judged(QUERY, Prompt("a blue square, a red circle, masterpiece"), 3)


def test_luck_is_shared_by_prompts_of_one_request_and_seed():
    """Two wordings that look alike to the surrogate differ by the picture's own luck alone, so pairs correlate."""
    fitted = surrogate()
    both = [
        [
            fitted.reward(QUERY, Prompt(text), seed)
            for text in ("a red circle, a blue square", "a blue square, a red circle")
        ]
        for seed in range(300)
    ]
    assert 0.15 < np.corrcoef(np.array(both).T)[0, 1] < 0.9


def test_the_surrogate_knows_what_the_world_is_about(world):
    assert world.worth_of(START.text) < 0.3 < world.worth_of(GOOD)
    assert surrogate().record["fit"]["left_out_instructions"]["both"]["from_48_pictures"]["correlation"] > 0.8


def test_a_desk_counts_each_picture_once_and_ends_at_the_cap(world):
    desk = Desk(world, Limits(5, 2.0, 0), seed=0)
    some = world.queries.search[:3]
    assert desk.draw(START.text, some) == desk.draw(START.text, some)
    assert (desk.pictures, desk.asked) == (3, 6)
    with pytest.raises(Over):
        desk.draw(GOOD, some)
    assert desk.pictures == 5


def test_a_tool_that_only_asks_for_what_it_has_is_ended_and_has_missed(world):
    desk = Desk(world, Limits(2000, 0.9, 0), seed=0)
    desk.choose(START.text)
    for _ in range(1 + STUCK // 2):
        desk.draw(START.text, world.queries.search[:2])
    with pytest.raises(Over):
        desk.draw(START.text, world.queries.search[:2])
    assert desk.pictures == 2
    assert pictures_until(desk.trace, desk.limits) == 2000


def test_a_tool_that_asks_for_something_new_in_time_goes_on(world):
    desk = Desk(world, Limits(2000, 0.9, 0), seed=0)
    desk.draw(START.text, world.queries.search[:2])
    for text in (GOOD, "Ask for a watercolour."):
        for _ in range(STUCK // 2):
            desk.draw(START.text, world.queries.search[:2])
        desk.draw(text, world.queries.search[:5])
    assert desk.pictures == 12


def test_a_tool_that_proposes_for_ever_is_ended(world):
    desk = Desk(world, Limits(2000, 0.9, 0), seed=0)
    for _ in range(STUCK):
        desk.propose(START.text, 3)
    with pytest.raises(Over):
        desk.propose(START.text, 3)


def test_a_desk_ends_a_run_whose_choice_is_good_enough_once_the_chart_has_its_part(world):
    desk = Desk(world, Limits(100, world.worth_of(GOOD), 4), seed=0)
    desk.draw(GOOD, world.queries.search[:2])
    desk.choose(GOOD)
    desk.draw(GOOD, world.queries.search[:4])
    with pytest.raises(Over):
        desk.choose(START.text)
    assert pictures_until(desk.trace, desk.limits) == 2


def test_proposals_are_new_children_of_the_instruction(world):
    desk = Desk(world, Limits(100, 2.0, 0), seed=0)
    desk.draw(START.text, world.queries.search[:3])
    first, second = desk.propose(START.text, 3), desk.propose(START.text, 3)
    assert len({START.text, *first, *second}) == 7
    assert written(first[0], QUERY) == written(first[0], QUERY)


@pytest.mark.parametrize(
    ("every", "target", "drawn"), [(10, 0.6, BLOCK), (2, 0.6, HELD_OUT), (1, 0.6, HELD_OUT), (10, 0.0, HELD_OUT)]
)
def test_a_choice_far_below_the_target_is_not_drawn_to_the_end(world, every, target, drawn):
    """One picture in `every` is good; as many are drawn as it takes to know that the target is out of reach."""
    asked = []

    def good(text, queries):
        asked.extend(queries)
        return [queries.index(query) % every == 0 for query in queries]

    assert share_of(good, held_out(world.queries), START.text, target) == 1 / every
    assert len(asked) == len(set(asked)) == drawn


def test_misses_count_with_the_cap():
    limits = Limits(50, 0.5, 0)
    assert pictures_until([(10, 0.1), (60, 0.6)], limits) == 50
    assert pictures_until([(10, 0.1), (20, 0.6)], limits) == 20
    assert pictures_until([], limits) == 50


def test_the_ratio_is_to_the_peer_that_needs_fewest():
    runs = {
        OURS: {seed: [(10 + seed, 0.9)] for seed in range(4)},
        "slow": {seed: [(80, 0.9)] for seed in range(4)},
        "fast": {seed: [(20 + 2 * seed, 0.9)] for seed in range(4)},
    }
    figures = summary(runs, Limits(100, 0.5, 20), start=0.1)
    assert figures["ratio"]["best_peer"] == "fast"
    assert figures["ratio"]["mean"] == figures["ratio"]["low"] == figures["ratio"]["high"] == 0.5
    assert figures["curves"][OURS] == pytest.approx([0.1, 0.3, 0.9])
    wide = ratio(np.array([1.0, 9.0] * 10), np.array([5.0, 6.0] * 10))
    assert wide["low"] < wide["mean"] < wide["high"]


def test_the_chart_is_a_picture_of_all_tools():
    image = ElementTree.fromstring(chart({"limner": [0.1, 0.8], "a < b": [0.1, 0.2]}, 10, 0.7))
    text = [one.text for one in image.iter("{http://www.w3.org/2000/svg}text")]
    assert {"limner", "a < b", "pictures drawn"} <= set(text)
    assert len(list(image.iter("{http://www.w3.org/2000/svg}polyline"))) == 3


@pytest.mark.slow
def test_a_quick_bench_plays_what_needs_no_download_and_goes_on(tmp_path):
    figures = measure(quick=True, out=tmp_path, picture=tmp_path / "chart.svg")
    assert json.dumps(figures) == json.dumps(measure(quick=True, out=tmp_path))
    assert set(figures["pictures_until_target"]) == {OURS, "random", "halving"}
    assert figures["budget_overshoot"][OURS] == 0
    assert figures["resume_equals_uninterrupted"][OURS] is True
    assert (tmp_path / "chart.svg").stat().st_size > 1000
