"""How sure the best arm is: intervals that cover, probabilities that use what arms have in common."""

from __future__ import annotations

import numpy as np
import pytest

from limner.bandits import Bandit, bandit


def told(rewards: dict[str, list[float]], paired: bool = False) -> Bandit:
    policy = bandit("ucb", seed=0)
    for arm, values in rewards.items():
        policy.add(arm)
        for seed, value in enumerate(values):
            policy.tell(arm, value, pair=("q", seed) if paired else None)
    return policy


def test_nothing_is_claimed_while_no_arm_has_two_rewards() -> None:
    policy = told({"a": [1.0], "b": [2.0]})
    assert policy.best() == ("b", None, None, None)
    assert policy.interval("a") == (1.0, None, None)


def test_an_unjudged_rival_leaves_the_probability_open() -> None:
    policy = told({"a": [1.0, 2.0, 3.0], "b": []})
    choice = policy.best()
    assert choice.arm == "a"
    assert choice.p_within_epsilon is None
    assert choice.low == pytest.approx(2 - 4.30265 / np.sqrt(3), abs=1e-4)
    assert policy.interval("b") is None


def test_pairs_cancel_what_requests_are_worth() -> None:
    requests = [5.0, -3.0, 1.0, 8.0, -7.0, 2.0]
    rewards = {"a": [r + 0.01 * i for i, r in enumerate(requests)], "b": [r + 0.5 for r in requests]}
    unpaired, paired = told(rewards).best(epsilon=0.0), told(rewards, paired=True).best(epsilon=0.0)
    assert unpaired.arm == paired.arm == "b"
    assert unpaired.p_within_epsilon is not None
    assert unpaired.p_within_epsilon < 0.7
    assert paired.p_within_epsilon is not None
    assert paired.p_within_epsilon > 0.999


def test_a_larger_epsilon_is_easier_to_satisfy() -> None:
    policy = told({"a": [1.0, 2.0, 3.0], "b": [1.5, 2.0, 3.0]})
    at = [policy.best(epsilon).p_within_epsilon for epsilon in (0.0, 1.0, 10.0)]
    assert at == sorted(at, key=lambda p: p or 0.0)
    assert at[0] is not None
    assert 0.5 < at[0] < 0.8
    assert at[2] == pytest.approx(1.0)


def test_rewards_without_noise_decide_at_once() -> None:
    assert told({"a": [1.0, 1.0], "b": [2.0, 2.0]}).best().p_within_epsilon == 1.0


def test_a_lone_arm_cannot_be_beaten() -> None:
    assert told({"a": [1.0, 2.0]}).best().p_within_epsilon == 1.0


def test_intervals_cover_and_probabilities_are_a_lower_bound() -> None:
    """Over worlds in which the arm is fixed beforehand, 95 % intervals hold the mean about 95 times in 100."""
    covered, kept, claimed = [], [], []
    for world in range(400):
        rng = np.random.default_rng(world)
        means = rng.normal(0.0, 1.0, 4)
        policy = told({str(arm): list(rng.normal(mean, 2.0, 6)) for arm, mean in enumerate(means)})
        interval = policy.interval("0")
        assert interval is not None
        assert interval.low is not None
        assert interval.high is not None
        covered.append(interval.low < means[0] < interval.high)
        choice = policy.best(epsilon=0.5)
        kept.append(means[int(choice.arm)] >= means.max() - 0.5)
        claimed.append(choice.p_within_epsilon or 0.0)
    assert np.mean(covered) == pytest.approx(0.95, abs=0.03)
    assert np.mean(kept) >= np.mean(claimed) - 0.05


def test_an_improvement_over_the_start_is_told_with_its_interval() -> None:
    verdict = told({"start": [1.0, 1.1, 0.9, 1.0], "child": [2.0, 2.1, 1.9, 2.0]}).verdict("start")
    assert verdict.arm == "child"
    assert verdict.improved
    assert verdict.gain is not None
    assert verdict.gain.low is not None
    assert 0 < verdict.gain.low < verdict.gain.mean == pytest.approx(1.0)


def test_a_start_that_is_still_best_is_no_improvement() -> None:
    verdict = told({"start": [2.0, 2.1], "child": [1.0, 1.1]}).verdict("start")
    assert (verdict.arm, verdict.gain, verdict.improved) == ("start", (0.0, 0.0, 0.0), False)


def test_a_dropped_start_still_counts_and_an_unjudged_one_decides_nothing() -> None:
    policy = told({"start": [1.0, 1.1], "child": [2.0, 2.1], "new": []})
    policy.drop("start")
    gain = policy.verdict("start").gain
    assert gain is not None
    assert gain.mean == pytest.approx(1.0)
    assert policy.verdict("new")[1:3] == (None, False)
    with pytest.raises(ValueError, match=r"the level is 1\.0"):
        policy.verdict("start", level=1.0)


def test_improvements_are_seldom_claimed_where_there_is_none() -> None:
    """Ten arms that are all alike: at most 5 % of searches may find one better than the start (here 600, one-sided)."""
    rng = np.random.default_rng(3)
    claims = [
        told({str(arm): rng.normal(0.0, 1.0, 6).tolist() for arm in range(10)}).verdict("0").improved
        for _ in range(600)
    ]
    assert np.mean(claims) < 0.05
