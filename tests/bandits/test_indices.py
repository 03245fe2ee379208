"""Each policy's index against its paper, and that the default finds the better instruction sooner."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limner.bandits import Bandit, Bigpe, EpsilonGreedy, Greedy, Ucb

eighths = st.integers(-80, 80).map(lambda n: n / 8)


@given(
    rewards=st.lists(eighths, min_size=30, max_size=30),
    scale=st.floats(0.01, 100),
    shift=st.floats(-100, 100),
    seed=st.integers(0, 1000),
)
@settings(max_examples=100, deadline=None)
def test_choices_of_ucb_do_not_depend_on_scale_or_origin(
    rewards: list[float], scale: float, shift: float, seed: int
) -> None:
    def choices(of: list[float]) -> list[list[str]]:
        policy = Ucb(seed)
        for arm in "abcd":
            policy.add(arm)
        told = iter(of)
        asked = []
        for _ in range(10):
            asked.append(policy.ask(3))
            for arm in asked[-1]:
                policy.tell(arm, next(told))
        return [*asked, policy.keep(3)]

    assert choices([scale * reward + shift for reward in rewards]) == choices(rewards)


def test_bigpe_keeps_by_the_published_bound() -> None:
    policy = Bigpe(seed=0)
    history = {"often": [26.9] * 8, "seldom": [26.5], "poor": [26.0] * 3}
    for arm, rewards in history.items():
        policy.add(arm)
        for reward in rewards:
            policy.tell(arm, reward)
    bound = {arm: told[0] + 0.8 * math.sqrt(math.log(12) / len(told)) for arm, told in history.items()}
    assert policy.keep(3) == sorted(bound, key=lambda arm: -bound[arm]) == ["seldom", "often", "poor"]


def test_ucb_bonus_is_the_pooled_noise_within_arms() -> None:
    """s^2 = (prior + SS within) / (1 + freedom): here (5/3 + 1) / 3 with the arms' means 2 apart."""
    policy = Ucb(seed=0)
    for arm, rewards in {"low": (0.5, 1.5), "high": (2.5, 3.5)}.items():
        policy.add(arm)
        for reward in rewards:
            policy.tell(arm, reward)
    s = math.sqrt((5 / 3 + 1) / 3)
    pulls = 0
    while policy.ask()[0] == "high":
        pulls += 1
    bonus = {n: s * math.sqrt(2 * math.log(4 + pulls) / n) for n in (2, 2 + pulls)}
    assert 1 + bonus[2] > 3 + bonus[2 + pulls]
    before = {n: s * math.sqrt(2 * math.log(3 + pulls) / n) for n in (2, 1 + pulls)}
    assert 1 + before[2] < 3 + before[1 + pulls]


def test_a_batch_of_asks_spreads_over_arms_that_are_alike() -> None:
    policy = Ucb(seed=0)
    for arm in "abc":
        policy.add(arm)
        policy.tell(arm, 1.0)
        policy.tell(arm, 2.0)
    assert set(Counter(policy.ask(9)).values()) == {3}


def test_greedy_follows_the_mean_and_epsilon_greedy_mostly_does() -> None:
    shares = {}
    for policy in (Greedy(seed=0), EpsilonGreedy(seed=0), EpsilonGreedy(seed=0, epsilon=1.0)):
        policy.add("bad")
        policy.add("good")
        policy.tell("bad", 0.0)
        policy.tell("good", 1.0)
        shares[policy] = Counter(policy.ask(4000))["bad"] / 4000
    assert list(shares.values()) == [0.0, pytest.approx(0.05, abs=0.015), pytest.approx(0.5, abs=0.03)]


@pytest.mark.parametrize("build", [lambda: Ucb(0, c=-1), lambda: Bigpe(0, c=math.inf), lambda: EpsilonGreedy(0, 1.5)])
def test_parameters_out_of_range_are_refused(build: type) -> None:
    with pytest.raises(ValueError, match="give a"):
        build()


def _regret(policy: Bandit, means: np.ndarray, rng: np.random.Generator, pulls: int) -> float:
    """Mean shortfall per pull beside the best arm."""
    for arm in range(len(means)):
        policy.add(str(arm))
    lost = 0.0
    for _ in range(pulls):
        arm = int(policy.ask()[0])
        lost += means.max() - means[arm]
        policy.tell(str(arm), rng.normal(means[arm], 0.012))
    return lost / pulls


def test_ucb_beats_uniform_pulls_where_textbook_constants_do_not() -> None:
    """Arms as HPS v2 sees instructions: means N(0.272, 0.006), noise 0.012."""
    worlds, arms, pulls = 200, 8, 80
    scaled, textbook, uniform = [], [], []
    for world in range(worlds):
        rng = np.random.default_rng(world)
        means = rng.normal(0.272, 0.006, arms)
        uniform.append(means.max() - means.mean())
        scaled.append(_regret(Ucb(world), means, rng, pulls))
        textbook.append(_regret(Bigpe(world, c=math.sqrt(2)), means, rng, pulls))
    assert np.mean(scaled) < 0.7 * np.mean(uniform)
    assert np.mean(textbook) > 0.97 * np.mean(uniform)
