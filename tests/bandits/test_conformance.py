"""What every policy promises, whatever its index."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limner.bandits import POLICIES, Additive, Bandit, bandit
from limner.errors import UsageError

every_policy = pytest.mark.parametrize("name", POLICIES)
rewards = st.floats(-100, 100, allow_nan=False)

ADD, DROP, ASK, TELL, RELEASE, KEEP = range(6)
moves = st.lists(st.tuples(st.sampled_from(range(6)), st.integers(0, 50), rewards), max_size=40)


def filled(name: str, arms: int = 3, seed: int = 0) -> Bandit:
    policy = bandit(name, seed)
    for arm in range(arms):
        policy.add(f"arm {arm}")
    return policy


def play(policy: Bandit, script: list[tuple[int, int, float]]) -> list[Any]:
    """Make the moves that are legal and log every answer; the log alone tells two runs apart."""
    log: list[Any] = []
    for move, number, reward in script:
        arms = policy.arms()
        arm = arms[number % len(arms)] if arms else ""
        if move == ADD:
            policy.add(f"arm {len(policy.state()['arms'])}", parent=arm or None)
        elif arms and move == DROP and len(arms) > 1:
            policy.drop(arm)
        elif arms and move == ASK:
            log.append(policy.ask(1 + number % 4))
        elif arms and move == TELL:
            policy.tell(arm, reward, pair=(f"q{number % 3}", number) if number % 2 else None)
            log.append(policy.best())
        elif arms and move == RELEASE and any(known["arm"] == arm and known["pending"] for known in pending(policy)):
            policy.release(arm)
        elif arms and move == KEEP:
            log.append(policy.keep(1 + number % 4))
    return log


def pending(policy: Bandit) -> list[dict[str, Any]]:
    return [arm for arm in policy.state()["arms"] if arm["pending"]]


@every_policy
@given(before=moves, after=moves, seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_a_run_equals_save_restore_run(name: str, before: list[Any], after: list[Any], seed: int) -> None:
    whole = filled(name, seed=seed)
    play(whole, before)
    saved = json.loads(json.dumps(whole.state(), allow_nan=False))
    resumed = bandit(name, seed=1)
    resumed.restore(saved)
    assert play(resumed, after) == play(whole, after)
    assert resumed.state() == whole.state()


@every_policy
@given(arms=st.integers(1, 8), more=st.integers(0, 8), told=st.booleans(), seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_every_arm_is_pulled_before_any_is_pulled_twice(name: str, arms: int, more: int, told: bool, seed: int) -> None:
    policy = filled(name, arms, seed)
    first = policy.ask(arms) if not told else []
    for _ in range(arms if told else 0):
        first += policy.ask()
        policy.tell(first[-1], float(len(first)))
    assert sorted(first) == sorted(policy.arms())
    for arm in range(more):
        policy.add(f"late {arm}")
    if more:
        assert sorted(policy.ask(more)) == [f"late {arm}" for arm in range(more)]


@every_policy
def test_pulls_are_counted_when_told(name: str) -> None:
    policy = filled(name)
    asked = policy.ask(7)
    assert [policy.pulls(arm) for arm in policy.arms()] == [0, 0, 0]
    policy.tell(asked[0], 1.0)
    policy.keep(2)
    policy.best()
    assert policy.pulls(asked[0]) == 1
    assert sum(policy.pulls(arm) for arm in policy.arms()) == 1


@every_policy
def test_a_dropped_arm_is_never_asked_and_comes_back_with_its_history(name: str) -> None:
    policy = filled(name)
    for arm, reward in (("arm 0", 9.0), ("arm 1", 1.0), ("arm 2", 2.0)):
        policy.tell(arm, reward)
    policy.drop("arm 0")
    assert "arm 0" not in policy.ask(50) + policy.keep(3) + policy.arms()
    assert policy.best().arm == "arm 2"
    policy.tell("arm 0", 8.0)
    policy.add("arm 0")
    assert policy.best().arm == "arm 0"
    assert policy.pulls("arm 0") == 2


@every_policy
@given(b=st.integers(1, 9), told=st.lists(st.tuples(st.integers(0, 4), rewards), max_size=20))
@settings(max_examples=25, deadline=None)
def test_keep_names_distinct_arms_in_play(name: str, b: int, told: list[tuple[int, float]]) -> None:
    policy = filled(name, arms=5)
    for arm, reward in told:
        policy.tell(f"arm {arm}", reward)
    survivors = policy.keep(b)
    assert len(survivors) == len(set(survivors)) <= min(b, 5)
    if not isinstance(policy, Additive):  # which races: an arm that can hardly win is out
        assert len(survivors) == min(b, 5)
    assert survivors
    assert set(survivors) <= set(policy.arms())
    unjudged = {arm for arm in policy.arms() if not policy.pulls(arm)}
    assert set(survivors) <= unjudged or unjudged <= set(survivors)


@every_policy
@pytest.mark.parametrize("reward", [None, 1.0], ids=["nothing told", "equal rewards"])
@pytest.mark.parametrize("question", ["ask", "keep"])
def test_ties_are_unbiased(name: str, reward: float | None, question: str) -> None:
    seeds, arms = 400, 4
    firsts: Counter[str] = Counter()
    for seed in range(seeds):
        policy = filled(name, arms, seed)
        for arm in policy.arms() if reward is not None else []:
            policy.tell(arm, reward)
        firsts[(policy.ask(1) if question == "ask" else policy.keep(1))[0]] += 1
    expected = seeds / arms
    chi_square = sum((firsts[f"arm {arm}"] - expected) ** 2 / expected for arm in range(arms))
    assert chi_square < 16.3, "beyond the 0.1 % point of three degrees of freedom"


@every_policy
def test_a_clearly_better_arm_wins(name: str) -> None:
    policy = filled(name)
    for turn in range(30):
        for arm, mean in (("arm 0", 1.0), ("arm 1", 5.0), ("arm 2", 2.0)):
            policy.tell(arm, mean + 0.1 * math.sin(turn), pair=("q", turn))
    choice = policy.best()
    assert choice.arm == "arm 1"
    assert choice.low is not None
    assert choice.high is not None
    assert choice.low < 5.0 < choice.high
    assert choice.p_within_epsilon is not None
    assert choice.p_within_epsilon > 0.999
    asked = Counter(policy.ask(60))
    assert name == "uniform" or asked["arm 0"] < asked["arm 1"], "the worst arm gets less than the best"


@every_policy
def test_release_forgets_a_pull_without_reward(name: str) -> None:
    policy = filled(name, arms=2)
    first = policy.ask()[0]
    policy.release(first)
    assert sorted(policy.ask(2)) == ["arm 0", "arm 1"]
    with pytest.raises(ValueError, match=r"add it first"):
        policy.release("arm 7")
    policy.tell("arm 0", 1.0)
    with pytest.raises(ValueError, match=r"arm 0.*no pending pull"):
        policy.release("arm 0")


@every_policy
@pytest.mark.parametrize("reward", [None, math.nan, math.inf])
def test_a_reward_that_is_no_number_is_refused_with_the_arm(name: str, reward: Any) -> None:
    policy = filled(name)
    with pytest.raises(ValueError, match=rf"arm 1.*{reward}.*release"):
        policy.tell("arm 1", reward)
    assert policy.pulls("arm 1") == 0


@every_policy
def test_misuse_is_refused(name: str) -> None:
    policy = bandit(name, seed=0)
    with pytest.raises(ValueError, match="none is in play"):
        policy.ask()
    with pytest.raises(ValueError, match="no arm in play has a reward"):
        policy.best()
    policy.add("a")
    with pytest.raises(ValueError, match="'a' is already in play"):
        policy.add("a")
    with pytest.raises(ValueError, match="'b' was never added"):
        policy.tell("b", 1.0)
    with pytest.raises(ValueError, match="keep 0 arms"):
        policy.keep(0)
    policy.drop("a")
    with pytest.raises(ValueError, match="'a' is no longer in play"):
        policy.drop("a")


@every_policy
def test_a_state_continues_only_as_what_it_was(name: str) -> None:
    policy = filled(name)
    other = next(policy for policy in POLICIES if policy != name)
    with pytest.raises(ValueError, match=rf"{name}.*{other}"):
        bandit(other, seed=0).restore(policy.state())


@every_policy
def test_policies_satisfy_the_protocol(name: str) -> None:
    assert isinstance(bandit(name, seed=0), Bandit)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"roulette.*ucb, bigpe, greedy, epsilon-greedy"):
        bandit("roulette", seed=0)
