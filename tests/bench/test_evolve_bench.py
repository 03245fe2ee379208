"""The benchmark of evolve: its parts are kept, its rivals are fair, its figures are those of the parts."""

import asyncio
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.agents import CATALOGUE, START
from limner.agents.sentences import LONGEST, read
from limner.bench.best_known import BLOCK, Search, instruction, record_of
from limner.bench.evolve import measured, summary
from limner.bench.evolve_null import null_claims, null_score
from limner.bench.evolve_rivals import ablations, at_random, thrown_together
from limner.bench.evolve_seed import MEASURES, Size, Stage, by_oracle, queries_of
from limner.bench.kept import Kept
from limner.bench.truth import held_out_cases, professional_writer
from limner.errors import UsageError
from limner.graph.options import prepare
from limner.statistics import mean_interval
from limner.testing import HashGenerator, ScorerFromFunction, VisionFromFunction
from limner.types import Instruction, Picture, Prompt, Query, Recipe

SMALL = Size(search=24, validation=2, held_out=3, seeds=2, null_runs=2)


def test_a_part_is_measured_once(tmp_path):
    times = []
    for _ in range(2):
        assert Kept(tmp_path / "parts.jsonl", {"size": 1}).part("a", lambda: times.append(1) or {"b": 2}) == {"b": 2}
    assert len(times) == 1


def test_a_torn_line_is_forgotten_and_the_rest_stays(tmp_path):
    path = tmp_path / "parts.jsonl"
    Kept(path, {}).part("a", lambda: 1)
    path.write_bytes(path.read_bytes() + b'{"part": "b", "va')
    kept = Kept(path, {})
    assert (kept.part("a", lambda: 0), kept.part("b", lambda: 2)) == (1, 2)
    assert Kept(path, {}).part("b", lambda: 0) == 2


def test_parts_of_other_conditions_do_not_mix(tmp_path):
    Kept(tmp_path / "parts.jsonl", {"size": 1})
    with pytest.raises(UsageError, match=r"other conditions: .*'size': 1"):
        Kept(tmp_path / "parts.jsonl", {"size": 2})


@given(st.integers(0, 2**32))
def test_sentences_thrown_together_make_an_instruction_that_the_writer_can_obey(seed):
    reading = read(thrown_together(random.Random(seed)))
    assert not reading.unknown
    assert 1 <= len(reading.known) <= LONGEST
    slots = [directive.slot for directive in reading.known]
    assert len(set(slots)) == len(slots)


def test_random_sentences_repeat_nothing_that_was_tried():
    modifier, start = at_random().modifier, Instruction(START.text)
    first = asyncio.run(modifier.vary(start, 3, [], seed=1))
    second = asyncio.run(modifier.vary(start, 3, first, seed=1))
    assert len({one.text for one in (*first, *second)}) == 6


def test_in_the_null_world_wording_has_no_effect():
    def mean(text):
        pictures = HashGenerator(size=(4, 4)).generate([Recipe(Prompt(text), seed) for seed in range(600)])
        return [null_score(Query.of("a red circle"), one) for one in pictures if isinstance(one, Picture)]

    plain, praised = mean("a red circle"), mean("a red circle, high quality")
    difference = mean_interval([a - b for a, b in zip(praised, plain, strict=True)], level=0.999)
    assert difference.low < 0 < difference.high
    assert len(set(plain)) == len(plain)


def test_runs_of_the_null_world_are_counted_and_kept(tmp_path):
    small = {"professionals": 0, "rounds": 1, "validation": 2, "held_out": 4, "batch": 2}
    claims = null_claims(Kept(tmp_path / "parts.jsonl", {}), 2, **small)
    assert claims["runs"] == 2
    assert 0 <= claims["false_gains"] <= 1
    rows = [json.loads(line) for line in (tmp_path / "parts.jsonl").read_text().splitlines()[1:]]
    assert [row["part"] for row in rows] == ["null 0", "null 1"]
    assert claims["false_gains"] == sum(row["value"]["significant"] for row in rows) / 2


@pytest.fixture
def stage(tmp_path):
    """The embedded world with models without weights."""
    return Stage(
        generator=HashGenerator(size=(48, 48)),
        taste=ScorerFromFunction(lambda query, picture: int(picture.sha256[:4], 16) / 16**4, "taste"),
        vision=VisionFromFunction(lambda picture, question: int(picture.sha256[-4:], 16) / 16**4, "eye"),
        professional=professional_writer(),
        judge=by_oracle(held_out_cases()),
        size=SMALL,
        folder=tmp_path / "bench",
    )


def test_a_seed_measures_all_methods_on_the_same_queries_and_goes_on_without_drawing_again(stage):
    path = stage.folder / "parts.jsonl"
    parts = measured(stage, Kept(path, {}), [0], best="Add words of quality.")
    assert set(parts[0]) == {"plain", "start", "professional", "random", "evolved", "best_known"}
    asked = {query.id for query in queries_of(0, SMALL).held_out}
    assert all(part["shots"].keys() == asked for part in parts[0].values())
    most = SMALL.search + 4 * SMALL.validation
    assert most - 15 < parts[0]["evolved"]["pictures"] <= most
    assert most - 15 < parts[0]["random"]["pictures"] <= most

    drawn = stage.generator.log.calls
    path.unlink()  # what sessions and ledger recorded is enough
    assert measured(stage, Kept(path, {}), [0], best="Add words of quality.") == parts
    assert stage.generator.log.calls == drawn


def test_seeds_hold_out_other_queries_and_never_those_of_the_choice():
    first, second = queries_of(0, SMALL), queries_of(1, SMALL)
    assert first.held_out != second.held_out
    assert not {one.id for one in first.held_out} & {one.id for one in (*first.search, *first.validation)}


@pytest.mark.parametrize("name", ablations())
def test_an_ablation_is_a_run_that_its_options_allow(name):
    options = ablations()[name]
    models = {"generator": HashGenerator(), "taste": ScorerFromFunction(lambda query, picture: 0.0), "questions": None}
    assert prepare(queries_of(0, SMALL), **models, **options).settings


def part(rows, **more):
    return {"shots": {f"q{n}": row for n, row in enumerate(rows)}, **more}


GOOD, BAD = [1.0, 1.0, 1.0, 3.0, 0.9], [0.0, 1.0, 0.0, 2.0, 0.1]


def seed_of(evolved, start, *, best=GOOD, validation_gain=1.0):
    units = {"taste": 2.0, "questions": 0.25}
    found = {"instruction": "Add.", "pictures": 24, "validation_gain": validation_gain, "units": units}
    return {
        "evolved": part(evolved, **found),
        "start": part(start),
        "best_known": part([best] * len(start)),
    }


def test_differences_are_paired_by_query_and_clustered_by_seed():
    parts = {0: seed_of([GOOD, GOOD, BAD, BAD], [BAD] * 4), 1: seed_of([GOOD, BAD, BAD, BAD], [BAD] * 4)}
    figures = summary(parts)
    assert figures["evolved_minus_start"] == mean_interval([0.5, 0.25])._asdict()
    assert figures["fraction_of_best"]["mean"] == pytest.approx(0.375)
    assert figures["fraction_of_best"]["low"] < 0.375
    assert figures["methods"]["evolved"]["both"]["mean"] == pytest.approx(0.375)
    assert figures["methods"]["evolved"]["pictures_to_search_and_choose"] == 24
    assert figures["by_judge"]["well_drawn"]["mean"] == 0.0
    assert set(figures["by_judge"]) == set(MEASURES)
    assert figures["reward_hacking"] == []


def test_the_winners_curse_stands_beside_the_held_out_gain():
    curse = summary({0: seed_of([GOOD] * 4, [BAD] * 4), 1: seed_of([BAD] * 4, [BAD] * 4)})["winners_curse"]
    assert curse["validation_gain"]["mean"] == 1.0
    gain = 0.5 * (GOOD[3] - BAD[3]) / 2.0 + 0.5 * (GOOD[4] - BAD[4]) / 0.25  # in the unit of the search, however sure
    assert curse["held_out_gain"]["mean"] == pytest.approx(gain / 2)


def test_scores_that_rise_while_the_oracle_sees_worse_pictures_are_flagged():
    hacked = [0.0, 0.0, 0.0, 9.0, 0.9]
    rows = {0: seed_of([hacked] * 5 + [GOOD], [GOOD] * 6), 1: seed_of([GOOD] * 6, [BAD] * 6)}
    assert summary(rows)["reward_hacking"] == [0]


def test_the_offline_search_finds_sentences_that_help_together_and_goes_on_without_measuring_again(tmp_path):
    helpful = {directive.id for directive in random.Random(3).sample(CATALOGUE, 3)}

    def good(text, block):
        share = 0.1 + 0.25 * len(helpful & read(text).ids)
        dice = random.Random(f"{text} {block}")
        return sum(dice.random() < share for _ in range(BLOCK))

    kept = Kept(tmp_path / "parts.jsonl", {})
    row = record_of(Search(good, kept, 12_000), "painter")
    assert helpful <= read(row["instruction"]).ids
    assert row["recipe"]["pictures"] <= 12_000

    def never(text, block):
        raise AssertionError("measured again")

    assert record_of(Search(never, Kept(tmp_path / "parts.jsonl", {}), 12_000), "painter") == row


def test_another_judge_looks_at_the_kept_blocks_again_and_nothing_else_is_asked_for(tmp_path):
    kept = Kept(tmp_path / "parts.jsonl", {})
    Search(lambda text, block: block % BLOCK, kept, 3_000).best()
    asked = []

    def stricter(text, block):
        asked.append(f"block {block}: {text}")
        return BLOCK if text == CATALOGUE[7].sentence else 1

    row = record_of(Search(stricter, kept, 3_000), "painter", recount=True)
    assert asked == kept.names()
    assert row["instruction"] == CATALOGUE[7].sentence
    assert row["recipe"]["recounted"] is True
    assert row["recipe"]["pictures"] == BLOCK * len(asked)


def test_there_is_no_best_instruction_for_another_painter():
    text, reason = instruction("another painter")
    assert text is None
    assert "best_known" in reason
