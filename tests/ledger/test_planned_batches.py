import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limner.errors import UsageError
from limner.ledger import Ledger, position, recorded
from limner.testing import HashGenerator, ScorerFromFunction, VisionFromFunction
from limner.types import Failure, Picture, Prompt, Query, Question, Recipe, Terms


class PlaceGenerator(HashGenerator):
    """Like a real model on a GPU: the bits depend on the shape of the batch and on the place in it."""

    def generate(self, recipes):
        self.log.add(recipes)
        shape = len(recipes)
        return [
            Picture(f"{recipe} at {place} of {shape}".encode(), recipe, self.identity)
            for place, recipe in enumerate(recipes)
        ]


def recipe(seed: int) -> Recipe:
    return Recipe(Prompt("a red circle"), seed)


@settings(max_examples=20, deadline=None)
@given(
    seeds=st.lists(st.integers(0, 12), max_size=14),
    killed_after=st.integers(0, 4),
    batch=st.integers(1, 5),
)
def test_a_resumed_run_draws_what_an_uninterrupted_one_would(seeds, killed_after, batch):
    """Any run, cut after any batch, with repeated recipes: same bits, nothing recorded is drawn again."""
    asked = [recipe(seed) for seed in seeds]
    terms = Terms(batch=batch)
    with tempfile.TemporaryDirectory() as folder:
        with Ledger.open(Path(folder) / "whole") as ledger:
            whole = recorded(PlaceGenerator(terms=terms), ledger).generate(asked)
        with Ledger.open(Path(folder) / "cut") as ledger:
            recorded(PlaceGenerator(terms=terms), ledger).generate(asked[: batch * killed_after])
        with Ledger.open(Path(folder) / "cut") as ledger:
            second = PlaceGenerator(terms=terms)
            assert recorded(second, ledger).generate(asked) == whole
            assert ledger.spend().pictures == len(set(seeds))
        assert not set(second.log.items) & set(asked[: batch * killed_after])


@settings(max_examples=20, deadline=None)
@given(
    seeds=st.lists(st.integers(0, 9), min_size=1, max_size=12),
    known=st.sets(st.integers(0, 9)),
    batch=st.integers(1, 5),
)
def test_whatever_is_recorded_the_missing_are_drawn_at_the_planned_shape_and_place(seeds, known, batch):
    asked = [recipe(seed) for seed in seeds]
    planned = [asked[start : start + batch] for start in range(0, len(asked), batch)]
    with tempfile.TemporaryDirectory() as folder, Ledger.open(Path(folder)) as ledger:
        recorded(HashGenerator(terms=Terms(batch=1)), ledger).generate([recipe(seed) for seed in sorted(known)])
        model = HashGenerator(terms=Terms(batch=batch))
        recorded(model, ledger).generate(asked)
    had = {recipe(seed) for seed in known}
    expected = []
    for group in planned:
        missing = [item for item in group if item not in had]
        if missing:
            expected.append(tuple(item if item in missing else missing[0] for item in group))
        had |= set(group)
    assert model.log.batches == expected


def test_a_remote_model_is_asked_for_what_is_missing_alone(tmp_path):
    model = HashGenerator(terms=Terms(local=False, batch=4))
    with Ledger.open(tmp_path) as ledger:
        remote = recorded(model, ledger)
        remote.generate([recipe(1), recipe(2)])
        pictures = remote.generate([recipe(1), recipe(3), recipe(3), recipe(4)])
    assert model.log.batches == [(recipe(1), recipe(2)), (recipe(3), recipe(4))]
    assert [picture.recipe.seed for picture in pictures] == [1, 3, 3, 4]


def test_a_stand_in_keeps_the_settings_of_its_place(tmp_path):
    """Generators batch by settings: a small stand-in for a large picture would change the shape of both groups."""
    model = HashGenerator(terms=Terms(batch=2))
    large, small = Recipe(Prompt("a"), 1, width=64, height=64), Recipe(Prompt("b"), 2, width=16, height=16)
    with Ledger.open(tmp_path) as ledger:
        generator = recorded(model, ledger)
        generator.generate([large])
        generator.generate([large, small])
    assert model.log.batches[1] == (Recipe(Prompt("b"), 2, width=64, height=64), small)


def test_a_failure_is_recorded_and_not_charged(tmp_path):
    model = HashGenerator(failing=[2])
    with Ledger.open(tmp_path) as ledger:
        generator = recorded(model, ledger)
        first = generator.generate([recipe(1), recipe(2), recipe(3)])
        assert generator.generate([recipe(1), recipe(2), recipe(3)]) == first
        assert isinstance(first[1], Failure)
        assert ledger.spend().pictures == 2
    assert model.log.calls == 1


def test_a_picture_is_had_by_its_hash_after_the_run(tmp_path):
    with Ledger.open(tmp_path) as ledger:
        (picture,) = recorded(HashGenerator(), ledger).generate([recipe(5)])
    with Ledger.open(tmp_path) as ledger:
        assert ledger.picture(picture.sha256) == picture


def test_scores_and_answers_of_equal_questions_are_paid_once_wherever_they_are_asked(tmp_path):
    picture = Picture(b"png", recipe(1), "m")
    scorer, eye = ScorerFromFunction(lambda query, picture: 0.1), VisionFromFunction(lambda picture, question: None)
    asks = [(picture, Question("Is there a circle?")), (picture, Question("Is there a circle?", needs=("Is it red?",)))]
    with Ledger.open(tmp_path) as ledger:
        for place in ("round 1", "round 2"):
            with position("judge", place):
                (score,) = recorded(scorer, ledger).score([(Query("q", "a circle"), picture)])
                answers = recorded(eye, ledger).answer(asks)
        spend = ledger.spend()
    assert score.value == 0.1
    assert [answer.p_yes for answer in answers] == [None, None]
    assert (scorer.log.calls, eye.log.calls) == (1, 1)
    assert (spend.scores, spend.model_calls, spend.pictures) == (1, 1, 0)


def test_a_sampling_model_is_asked_again_at_another_position(tmp_path):
    numbers = iter([0.25, 0.75])
    judge = VisionFromFunction(lambda picture, question: next(numbers), terms=Terms(sampling=True))
    ask = [(Picture(b"png", recipe(1), "m"), Question("Is there a circle?"))]
    with Ledger.open(tmp_path) as ledger:
        model = recorded(judge, ledger)
        said = []
        for place in ("first", "second", "first"):
            with position("judge", place):
                said.append(model.answer(ask)[0].p_yes)
        with pytest.raises(UsageError, match="with position"):
            model.answer(ask)
    assert said == [0.25, 0.75, 0.25]


def test_a_model_that_returns_too_few_results_is_named(tmp_path):
    class Short(HashGenerator):
        def generate(self, recipes):
            return super().generate(recipes)[:-1]

    with Ledger.open(tmp_path) as ledger:
        with pytest.raises(UsageError, match="returned 1 results for 2 items"):
            recorded(Short("short"), ledger).generate([recipe(1), recipe(2)])
        assert ledger.spend().pictures == 0


def test_what_is_no_model_is_refused(tmp_path):
    with Ledger.open(tmp_path) as ledger, pytest.raises(UsageError, match="object cannot be recorded"):
        recorded(object(), ledger)


def test_identity_and_terms_pass_through(tmp_path):
    model = HashGenerator("mine", terms=Terms(batch=3))
    with Ledger.open(tmp_path) as ledger:
        assert (recorded(model, ledger).identity, recorded(model, ledger).terms) == ("mine", Terms(batch=3))


def test_nothing_asked_is_nothing_paid(tmp_path):
    model = HashGenerator()
    with Ledger.open(tmp_path) as ledger:
        assert recorded(model, ledger).generate([]) == []
    assert model.log.calls == 0
