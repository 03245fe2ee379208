"""The judge that never steers: what it sees, what its word changes, and what is said where nothing was gained."""

import json

import pytest

from limner.errors import SettingsError
from limner.graph.api import as_json
from limner.testing import ScorerFromFunction, VisionFromFunction
from limner.tracing.report.verdict import verdict

REQUESTS = [
    f"a {colour} {thing} on {ground}"
    for colour in ("red", "blue", "green", "pink")
    for thing in ("kite", "boat")
    for ground in ("white", "black", "grey", "sand")
]


def chance(picture):
    return int(picture.sha256[:6], 16) / 16**6


def likes(*words):
    return lambda query, picture: 2.0 * any(w in picture.recipe.prompt.text.lower() for w in words) + chance(picture)


def dislikes(*words):
    return lambda query, picture: -likes(*words)(query, picture)


@pytest.fixture
def accepted(world):
    """A run that finds words of quality, accepted by a judge."""

    def run(judge, **changed):
        world.requests = REQUESTS
        world.taste = ScorerFromFunction(likes("quality", "masterpiece"))
        judge = judge and ScorerFromFunction(judge, "acceptance")
        return world.evolve(rounds=6, batch=3, held_out=12, validation=4, acceptance=judge, **changed), judge

    return run


def test_a_gain_that_the_acceptance_judge_takes_back_is_flagged(accepted):
    result, _ = accepted(dislikes("quality", "masterpiece"))
    assert result.significant
    assert result.reward_hacking
    assert result.acceptance["evolved_minus_start"].high < 0
    assert any(note.startswith("Reward hacking: ") for note in result.notes)
    row = json.loads((result.folder / "result.json").read_text())
    assert row["reward_hacking"] is True
    assert row["acceptance"]["evolved_minus_start"]["high"] < 0
    assert verdict(result).headline.startswith("Reward hacking: ")


def test_a_gain_that_the_acceptance_judge_shares_is_not(accepted):
    result, _ = accepted(likes("quality", "masterpiece"))
    assert result.significant
    assert not result.reward_hacking
    assert result.notes == ()
    assert verdict(result).headline == "The evolved instruction draws better pictures."


def test_a_gain_that_the_acceptance_judge_does_not_see_is_said(accepted):
    result, _ = accepted(lambda query, picture: int(picture.sha256[-6:], 16))
    assert result.significant
    assert not result.reward_hacking
    assert any("does not confirm" in note for note in result.notes)


@pytest.mark.parametrize("by", ["acceptance", "acceptance_questions"])
def test_a_loss_by_a_judge_that_never_steered_is_said_without_a_gain_in_reward(world, by):
    """No reward hacking, which needs a gain; but nobody should use the instruction unseen."""
    world.requests = REQUESTS
    world.taste = ScorerFromFunction(lambda query, picture: chance(picture))
    eye = VisionFromFunction(lambda picture, _: 1 / (1 + len(picture.recipe.prompt.text)), "another eye")
    shortest = ScorerFromFunction(lambda query, picture: -float(len(picture.recipe.prompt.text)), "acceptance")
    result = world.evolve(rounds=3, batch=3, held_out=12, validation=4, **{by: shortest if by == "acceptance" else eye})
    assert len(result.lineage) > 1
    assert not result.significant
    assert getattr(result, by)["evolved_minus_start"].high < 0
    assert not result.reward_hacking
    (note,) = (note for note in result.notes if "fell by" in note)
    assert note.startswith("The acceptance judge, which did not steer, fell by ")
    assert ("(by its questions)" in note) == (by == "acceptance_questions")


def test_the_acceptance_judge_sees_held_out_pictures_alone_and_changes_no_search(accepted):
    with_judge, judge = accepted(dislikes("quality"))
    held_out = {example.query.id for example in with_judge.examples}
    assert {query.id for query, _ in judge.log.items} == held_out
    assert len(judge.log.items) == sum(column.pictures for column in with_judge.columns)

    without, _ = accepted(None)
    assert without.instruction == with_judge.instruction
    assert without.differences == with_judge.differences
    assert without.acceptance == {}
    assert not without.reward_hacking


def test_a_judge_that_steers_cannot_accept(world):
    with pytest.raises(SettingsError, match="'function' steers the search already"):
        world.evolve(acceptance=ScorerFromFunction(likes("red"), "function"))


def test_a_loss_in_one_judge_behind_a_gain_in_reward_is_said(world):
    world.requests = REQUESTS
    world.taste = ScorerFromFunction(likes("quality", "masterpiece"))
    eye = VisionFromFunction(lambda picture, question: 0.9 - 0.1 * likes("quality", "masterpiece")(None, picture))
    result = world.evolve(rounds=6, batch=3, held_out=12, validation=4, questions=eye, questions_weight=0.1)
    assert result.significant
    assert any("hides a loss in questions" in note for note in result.notes)


def test_a_run_that_gains_nothing_says_so(world):
    world.taste = ScorerFromFunction(lambda query, picture: -float(len(picture.recipe.prompt.text)))
    result = world.evolve(rounds=2)
    assert not result.significant
    assert verdict(result).headline.startswith("No significant improvement")


def test_the_gain_on_the_queries_of_the_choice_stands_beside_the_held_out_one(accepted):
    result, _ = accepted(None)
    by_id = {one.instruction.id: one for one in result.candidates}
    chosen, start = by_id[result.instruction.id], by_id[result.lineage[0].id]
    assert result.validation_gain.mean == pytest.approx(chosen.validation.mean - start.validation.mean)
    assert as_json(result)["validation_gain"]["mean"] == result.validation_gain.mean


def test_both_gains_are_in_the_unit_of_the_search_however_far_held_out_pictures_lie_apart(accepted):
    result, _ = accepted(None)
    shots = [example.shots for example in result.examples]
    for shot in shots:
        apart = shot["evolved"].taste - shot["start"].taste
        assert shot["evolved"].reward - shot["start"].reward == pytest.approx(0.5 * apart / result.units["taste"])


def _eye(words, yes=0.9, no=0.1):
    """Says yes to pictures whose prompt has one of these words."""
    return VisionFromFunction(
        lambda picture, _: yes if any(word in picture.recipe.prompt.text.lower() for word in words) else no,
        "another eye",
    )


def test_a_gain_that_the_acceptance_questions_take_back_is_flagged(accepted):
    eye = _eye(["quality", "masterpiece"], yes=0.1, no=0.9)
    result, _ = accepted(None, acceptance_questions=eye)
    assert result.reward_hacking
    assert result.acceptance == {}
    assert result.acceptance_questions["evolved_minus_start"].high < 0
    assert any("Reward hacking: " in note and "by its questions" in note for note in result.notes)
    assert result.models["acceptance_questions"] == eye.identity
    row = json.loads((result.folder / "result.json").read_text())
    assert row["acceptance_questions"]["evolved_minus_start"]["high"] < 0
    (evolved,) = (column for column in row["columns"] if column["name"] == "evolved")
    assert evolved["acceptance_questions"]["mean"] < 0
    assert verdict(result).headline.startswith("Reward hacking: ")


def test_a_set_of_acceptance_judges_is_reported_side_by_side(accepted):
    result, _ = accepted(likes("quality", "masterpiece"), acceptance_questions=_eye(["quality"]))
    assert set(result.acceptance) == set(result.acceptance_questions)
    assert not result.reward_hacking


def test_the_acceptance_questions_are_asked_of_held_out_pictures_alone_with_their_answers_kept(accepted):
    eye = _eye(["quality"])
    result, _ = accepted(None, acceptance_questions=eye, phrasings=2)
    shots = [shot for example in result.examples for shot in example.shots.values()]
    assert {picture.sha256 for picture, _ in eye.log.items} == {shot.picture for shot in shots}
    assert all(one.judge == "acceptance_questions" for shot in shots for one in shot.evidence)
    assert {one.question for shot in shots for one in shot.evidence} <= {q.text for _, q in eye.log.items}
    assert all(one.p_yes == one.again for shot in shots for one in shot.evidence)
    assert any("two wordings" in note and "0.00 on average" in note for note in result.notes)
    row = as_json(result)
    assert row["examples"][0]["shots"]["start"]["evidence"][0]["kind"] == "exists"


def test_an_eye_that_steers_cannot_accept(world):
    eye = _eye(["quality"])
    with pytest.raises(SettingsError, match=r"models\.acceptance_questions another"):
        world.evolve(questions=eye, questions_weight=0.5, acceptance_questions=eye)
