"""The benchmark of transfer: both painters, each with its own instructions and the other's, on the same requests."""

from dataclasses import replace

import pytest

from limner.bench.evolve import by_seed
from limner.bench.evolve_seed import Size, Stage, by_oracle, queries_of
from limner.bench.kept import Kept
from limner.bench.transfer import CARRIED, carried, figures
from limner.bench.truth import held_out_cases, professional_writer
from limner.statistics import mean_interval
from limner.testing import HashGenerator, ScorerFromFunction, VisionFromFunction

SMALL = Size(search=24, validation=2, held_out=3, seeds=2, null_runs=2)


def test_each_painter_draws_its_own_and_the_others_instruction_for_the_same_requests(tmp_path):
    first = Stage(
        generator=HashGenerator("first", size=(48, 48)),
        taste=ScorerFromFunction(lambda query, picture: int(picture.sha256[:4], 16) / 16**4, "taste"),
        vision=VisionFromFunction(lambda picture, question: int(picture.sha256[-4:], 16) / 16**4, "eye"),
        professional=professional_writer(),
        judge=by_oracle(held_out_cases()),
        size=SMALL,
        folder=tmp_path / "first",
    )
    second = replace(first, generator=HashGenerator("second", size=(48, 48)), folder=tmp_path / "second")
    stages = {one.folder.name: (one, Kept(one.folder / "parts.jsonl", {})) for one in (first, second)}
    parts = carried(stages, [0])
    assert parts["first"][0][CARRIED]["instruction"] == parts["second"][0]["evolved"]["instruction"]
    assert parts["second"][0][CARRIED]["instruction"] == parts["first"][0]["evolved"]["instruction"]
    asked = {query.id for query in queries_of(0, SMALL).held_out}
    assert all(by_seed(parts[name], method)[0].keys() == asked for name in parts for method in ("start", CARRIED))

    drawn = [stage.generator.log.calls for stage, _ in stages.values()]
    assert carried(stages, [0]) == parts
    assert [stage.generator.log.calls for stage, _ in stages.values()] == drawn


def seed_of(evolved, other, start):
    rows = {"evolved": evolved, CARRIED: other, "start": start}
    return {
        name: {"shots": {f"q{n}": [value, 1.0, value, 0.0, 0.0] for n, value in enumerate(values)}}
        for name, values in rows.items()
    }


def test_what_is_carried_over_is_a_share_of_the_gain():
    parts = {0: seed_of([1, 1], [1, 0], [0, 0]), 1: seed_of([1, 0], [0, 0], [0, 0])}
    found = figures(parts)
    assert found["evolved_minus_start"] == mean_interval([1.0, 0.5])._asdict()
    assert found["carried_minus_evolved"]["mean"] == -0.5
    assert found["share_of_gain_carried"] == pytest.approx(1 / 3)
    assert found["methods"][CARRIED]["both"]["mean"] == pytest.approx(0.25)
