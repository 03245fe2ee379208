"""The four splits share no content, and what is shipped belongs where it says."""

import json
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limner.errors import QueryError
from limner.microworld.captions import captioned
from limner.microworld.cases import PROFESSIONALS, SHIPPED, cases
from limner.microworld.law import COLOURS, SHAPES, Constraint, holds
from limner.microworld.queries import queries
from limner.microworld.splits import SPLITS, Split, content, some_scene, split_of


@given(st.lists(st.tuples(st.sampled_from(SHAPES), st.sampled_from(list(COLOURS))), min_size=1, max_size=5))
def test_every_content_has_one_split_whatever_its_order(stuff: list[tuple[str, str]]) -> None:
    assert split_of(tuple(sorted(stuff))) in SPLITS
    assert split_of(tuple(sorted(stuff))) == split_of(tuple(sorted(reversed(stuff))))


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("things", [1, 2, 3, 4, 5])
def test_every_split_has_scenes_of_every_number(split: Split, things: int) -> None:
    rng = np.random.default_rng(things)
    scene = some_scene(rng, split, objects=[float(i + 1 == things) for i in range(5)])
    assert len(scene.things) == things
    assert split_of(content(scene.things)) == split


def test_contents_of_the_splits_are_disjoint() -> None:
    found = {split: {content(case.scene.things) for case in cases(split, SHIPPED[split])} for split in SHIPPED}
    rng = np.random.default_rng(0)
    found["train"] = {content(captioned(rng, "train")[0].things) for _ in range(2000)}
    for one in found:
        for other in found:
            assert one == other or not found[one] & found[other]


def test_texts_of_the_splits_are_disjoint() -> None:
    texts = [query.text for split in SHIPPED for query in queries(split)]
    assert len(texts) == len(set(texts))


@pytest.mark.parametrize("split", SHIPPED)
def test_shipped_queries_are_the_cases_of_their_split(split: Split) -> None:
    made = cases(split, SHIPPED[split])
    assert [(case.id, case.text) for case in made] == [(query.id, query.text) for query in queries(split)]


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_a_case_is_true_of_its_scene(seed: int) -> None:
    for case in cases("validation", 5, seed):
        assert all(holds(case.scene, constraint) for constraint in case.constraints)
        assert case.tags
        assert any(isinstance(constraint, Constraint) for constraint in case.constraints)


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(QueryError, match="'train'"):
        queries("train")


def test_every_search_query_has_professional_prompts() -> None:
    text = (files("limner.microworld") / "data" / "professional.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    by_query: dict[str, set[str]] = {}
    for row in rows:
        assert row["license"] == "CC0-1.0"
        by_query.setdefault(row["query"], set()).add(row["prompt"])
    assert len(rows) >= 1000
    assert set(by_query) == {query.text for query in queries("search")}
    assert min(len(prompts) for prompts in by_query.values()) >= PROFESSIONALS - 1


def test_a_scene_of_an_unknown_split_is_refused() -> None:
    with pytest.raises(ValueError, match="no split 'held-out'"):
        some_scene(np.random.default_rng(0), "held-out")  # type: ignore[arg-type]
