"""The benchmark of evolve on the fitted surrogate: the same searches, judged without a picture."""

import asyncio

import pytest

from limner.bench.evolve import measure, summary
from limner.bench.evolve_seed import Size, drawn, searched
from limner.bench.evolve_surrogate import RequestItself, best_of, surrogate_stage
from limner.bench.surrogate import surrogate
from limner.errors import UsageError
from limner.graph.wiring import embedded_queries
from limner.types import Prompt

SMALL = Size(search=24, validation=2, held_out=6, seeds=2, null_runs=2)


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    return surrogate_stage(SMALL, tmp_path_factory.mktemp("surrogate"))


def test_what_is_asked_and_judged_is_the_surrogates(stage):
    best = best_of()
    shots = drawn(stage, 0, "best_known", best)
    by_id = {query.id: query for query in embedded_queries().held_out}
    assert len(shots) == SMALL.held_out
    for name, (all_correct, well_drawn, both, taste, eye) in shots.items():
        assert all_correct is None
        assert well_drawn is None
        assert 0 < both < 1
        assert -1 <= eye <= 1
        assert taste == pytest.approx(taste)
        assert surrogate().expected(by_id[name], Prompt(by_id[name].text)) < both


def test_the_one_question_is_the_request():
    query = embedded_queries().search[0]
    assert [question.text for question in asyncio.run(RequestItself().questions(query))] == [query.text]


def test_a_search_runs_on_it_and_is_summed_up_where_the_oracle_saw_no_picture(stage):
    found = searched(stage, 0, "evolved", {})
    assert SMALL.search <= found["pictures"] + 15
    parts = {
        0: {
            "evolved": {**found, "shots": drawn(stage, 0, "evolved", found["instruction"])},
            "start": {"shots": drawn(stage, 0, "start", "Describe the picture in one plain sentence.")},
        }
    }
    figures = summary(parts)
    assert figures["methods"]["evolved"]["all_correct"] is None
    assert 0 < figures["methods"]["start"]["both"]["mean"] < 1
    assert figures["by_judge"]["well_drawn"] is None


def test_every_search_has_the_pictures_that_are_asked_for_and_others_do_not_mix(tmp_path):
    figures = measure(quick=True, surrogate=True, pictures=40, seeds=[0], out=tmp_path)
    choice = 4 * figures["size"]["validation"]
    assert figures["size"]["search"] == 40
    for method in ("evolved", "random"):
        pictures = figures["methods"][method]["pictures_to_search_and_choose"]
        assert 40 - 15 < pictures - choice <= 40
    with pytest.raises(UsageError, match="other conditions"):
        measure(quick=True, surrogate=True, seeds=[0], out=tmp_path)
