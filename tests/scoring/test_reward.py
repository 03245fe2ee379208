import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limner.errors import SettingsError
from limner.scoring import Judged, RewardWeights, Spreads, rewards
from limner.statistics import Spread

TASTE_ONLY = RewardWeights(1.0, 0.0)
tastes = st.floats(-40, 40)
rows = st.lists(
    st.builds(Judged, st.sampled_from("abc"), st.none() | tastes, st.none() | st.floats(-1, 1)), max_size=12
)


def test_a_worked_example():
    # Taste: query a has mean 26 and squares 1 + 1, query b one picture; sd = sqrt(2 / 1). Questions: in query a squares
    # 0.25 + 0.25 beside the four of 0.09 that were guessed; sd = sqrt(0.86 / 5).
    judged = [Judged("a", 25.0, 0.5), Judged("a", 27.0, -0.5), Judged("b", 99.0, 1.0)]
    values, missing, spreads = rewards(judged)
    taste, questions = 0.5 / math.sqrt(2), 0.5 * 0.5 / math.sqrt(0.86 / 5)
    assert values == pytest.approx((-taste + questions, taste - questions, 2 * questions))
    assert missing == 0
    assert spreads.taste == Spread(1, 2.0)
    assert spreads.questions == pytest.approx((5, 0.86))


def test_equal_weights_mean_equal_say():
    """Two judges that differ as much, each in its own unit, cancel out."""
    judged = [Judged(f"q{n}", 20.0 + sign * 3, sign * -0.2) for n in range(200) for sign in (1, -1)]
    assert rewards(judged).values == pytest.approx([0.0] * 400, abs=0.02)


def test_an_easy_query_favours_nobody():
    easy = [Judged("a", 90.0, None), Judged("a", 92.0, None)]
    hard = [Judged("b", 10.0, None), Judged("b", 12.0, None)]
    values = rewards(easy + hard, TASTE_ONLY).values
    assert values[:2] == pytest.approx(values[2:])


def test_one_scale_for_all_queries():
    still, lively = (
        [Judged("a", 20.0, None), Judged("a", 20.001, None)],
        [Judged("b", 10.0, None), Judged("b", 30.0, None)],
    )
    values = rewards(still + lively, TASTE_ONLY).values
    assert abs(values[0] - values[1]) < 1e-3 < 1 < abs(values[2] - values[3])


def test_equal_pictures_have_no_taste_to_tell_them_apart():
    assert rewards([Judged("a", 26.0, None)] * 3, TASTE_ONLY).values == (0.0, 0.0, 0.0)


def test_nearly_equal_pictures_do_not_blow_up():
    values = rewards([Judged("a", 26.0, None), Judged("a", 26.0001, None)], TASTE_ONLY).values
    assert max(map(abs, values)) < 0.01


def test_a_missing_judgement_is_none_and_counted_but_only_if_it_is_needed():
    judged = [Judged("a", None, 0.5), Judged("a", 25.0, None), Judged("a", 27.0, 0.1)]
    both = rewards(judged)
    assert [value is None for value in both.values] == [True, True, False]
    assert both.missing == 2
    questions = rewards(judged, RewardWeights(0.0, 1.0))
    unit = questions.spreads.questions.sd
    assert questions.values == (0.5 / unit, None, 0.1 / unit)
    assert rewards(judged, TASTE_ONLY).missing == 1


def test_earlier_rounds_steady_the_scale():
    first = rewards([Judged("a", 20.0, 0.0), Judged("a", 30.0, 0.0)])
    second = rewards([Judged("b", 20.0, 0.0), Judged("b", 21.0, 0.0)], before=first.spreads)
    assert second.spreads.taste == Spread(2, 50.5)
    assert second.values[1] == pytest.approx(0.5 * 0.5 / math.sqrt(50.5 / 2))


def test_rewards_that_are_held_against_earlier_ones_have_their_unit():
    first = rewards([Judged("a", 20.0, 0.0), Judged("a", 30.0, 0.6)])
    units = first.spreads.units
    second = rewards([Judged("b", 20.0, 0.1), Judged("b", 90.0, 0.7)], before=first.spreads, pooled=False)
    assert second.spreads == first.spreads
    apart = 0.5 * 70 / units["taste"] + 0.5 * 0.6 / units["questions"]
    assert second.values[1] - second.values[0] == pytest.approx(apart)
    unknown = rewards([Judged("b", 20.0, 0.1), Judged("b", 90.0, 0.7)], before=Spreads(), pooled=False)
    assert unknown.spreads.taste.sd == pytest.approx(70 / math.sqrt(2))


@pytest.mark.parametrize("pair", [(0, 0), (-1, 1), (math.nan, 1), (math.inf, 0)])
def test_impossible_weights_are_refused(pair):
    with pytest.raises(SettingsError, match=r"0\.5 and 0\.5"):
        RewardWeights(*pair)


@settings(deadline=None)
@given(rows, st.floats(-100, 100))
def test_shifting_a_querys_taste_changes_no_reward(judged, shift):
    moved = [
        Judged(r.query, None if r.taste is None else r.taste + shift * (r.query == "a"), r.questions) for r in judged
    ]
    before, after = rewards(judged), rewards(moved)
    assert [v is None for v in before.values] == [v is None for v in after.values]
    for one, other in zip(before.values, after.values, strict=True):
        assert one is None or other == pytest.approx(one, abs=1e-6)


@settings(deadline=None)
@given(rows)
def test_rewards_follow_taste_within_a_query(judged):
    values = rewards(judged, TASTE_ONLY).values
    scored = [(row, value) for row, value in zip(judged, values, strict=True) if value is not None]
    for one, a in scored:
        for other, b in scored:
            if one.query == other.query and one.taste < other.taste:
                assert a <= b


def test_references_are_what_the_others_are_measured_from():
    judged = [Judged("a", 30.0, 0.9, reference=True), Judged("a", 26.0, 0.5), Judged("b", 10.0, 0.5)]
    taste = rewards(judged, TASTE_ONLY)
    assert taste.values[0] == 0.0
    assert taste.values[1] == pytest.approx(-4.0 / taste.spreads.taste.sd)
    questions = rewards(judged, RewardWeights(0.0, 1.0))
    unit = questions.spreads.questions.sd
    assert questions.values == pytest.approx((0.0, -0.4 / unit, 0.5 / unit))


def test_a_better_rival_does_not_change_what_an_arm_earned_beside_a_reference():
    reference, arm = Judged("a", 30.0, None, reference=True), Judged("a", 26.0, None)
    before = Spreads(Spread(1000, 1000.0))
    alone = rewards([reference, arm], TASTE_ONLY, before).values[1]
    beside_a_rival = rewards([reference, arm, Judged("a", 32.0, None)], TASTE_ONLY, before).values[1]
    assert alone == pytest.approx(beside_a_rival, rel=0.02)
