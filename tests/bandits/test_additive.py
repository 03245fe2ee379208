"""Arms that share parts share evidence: the additive policy on its own ground."""

import numpy as np
import pytest

from limner.bandits import Additive, bandit
from limner.bandits.shared import believe_all

WORTH = {"plain.": 0.0, "quality.": 1.0, "places.": 0.5, "doodle.": -1.0}


def told(policy, arms, pairs, rng, noise=0.3, ease=2.0):
    """Every arm, drawn for every pair: its sentences' worth, the pair's ease and noise."""
    for number in pairs:
        luck = ease * rng.standard_normal()
        for arm in arms:
            reward = sum(WORTH[part] for part in arm.split()) + luck + noise * rng.standard_normal()
            policy.tell(arm, reward, pair=(f"q{number}", number))


def built(arms):
    policy = Additive(seed=0)
    for arm in arms:
        policy.add(arm, parts=arm.split())
    return policy


def test_evidence_about_a_sentence_counts_for_every_arm_that_holds_it():
    """An arm without a reward of its own is known by its sentences; without parts it is known by nothing."""
    policy = built(["plain.", "quality.", "doodle.", "quality. places."])
    told(policy, ["plain.", "quality.", "doodle."], range(12), np.random.default_rng(0))
    found = believe_all([policy._known(arm) for arm in policy.arms()])
    by_name = dict(zip(policy.arms(), found.mean, strict=True))
    assert by_name["quality. places."] > by_name["plain."] > by_name["doodle."]


def test_an_easy_request_favours_nobody():
    """Arms drawn for different requests are compared beside others drawn with them, not by their raw means."""
    rng = np.random.default_rng(1)
    policy = built(["plain.", "quality.", "doodle."])
    for number in range(20):
        easy = 5.0 if number < 10 else -5.0
        arms = ("plain.", "doodle.") if number < 10 else ("plain.", "quality.")
        for arm in arms:
            policy.tell(arm, WORTH[arm] + easy + 0.2 * rng.standard_normal(), pair=(f"q{number}", number))
    raw = {arm: policy.interval(arm).mean for arm in policy.arms()}
    assert raw["doodle."] > raw["quality."]
    assert policy.ranked()[0] == "quality."
    assert policy.keep(2)[0] == "quality."


def test_the_posterior_covers_the_truth():
    """Differences between arms lie within two standard deviations in about 95 % of worlds, also for unseen arms."""
    arms, inside = ["plain.", "quality.", "places.", "quality. places."], []
    for seed in range(60):
        policy = built(arms)
        told(policy, arms[:3], range(8), np.random.default_rng(seed))
        found = believe_all([policy._known(arm) for arm in policy.arms()])
        gap = found.mean[1] - found.mean[0]
        error = np.sqrt(found.covariance[1, 1] + found.covariance[0, 0] - 2 * found.covariance[0, 1])
        inside.append(abs(gap - 1.0) < 2 * error)
    assert np.mean(inside) > 0.85


def test_an_arm_that_cannot_win_leaves_the_race_and_two_stay():
    arms = ["quality.", "places.", "plain.", "doodle."]
    policy = built(arms)
    told(policy, arms, range(30), np.random.default_rng(2), noise=0.1)
    assert policy.keep(4) == ["quality.", "places."]
    close = built(arms)
    told(close, arms, range(2), np.random.default_rng(2), noise=3.0)
    assert len(close.keep(4)) == 4


def test_a_fresh_arm_survives_whatever_is_known_of_others():
    policy = built(["quality.", "plain."])
    told(policy, ["quality.", "plain."], range(5), np.random.default_rng(3))
    policy.add("doodle.", parts=("doodle.",))
    assert "doodle." in policy.keep(2)


@pytest.mark.parametrize(("scale", "shift"), [(1000.0, 0.0), (0.001, 7.0)])
def test_scale_and_origin_of_rewards_do_not_matter(scale, shift):
    arms = ["quality.", "places.", "plain.", "doodle."]
    first, second = built(arms), built(arms)
    told(first, arms, range(6), np.random.default_rng(4))
    for arm in map(first._known, first.arms()):
        for reward, pair in arm.rewards:
            second.tell(arm.name, scale * reward + shift, pair=pair)
    assert first.ranked() == second.ranked()
    assert first.keep(3) == second.keep(3)


def test_parts_survive_saving():
    policy = built(["quality. places.", "plain."])
    told(policy, ["quality. places.", "plain."], range(4), np.random.default_rng(5))
    again = bandit("additive", seed=9)
    again.restore(policy.state())
    assert again.ranked() == policy.ranked()
    assert again.state() == policy.state()
