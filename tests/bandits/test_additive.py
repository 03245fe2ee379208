"""Arms that share parts share evidence: the additive policy on its own ground."""

import tracemalloc
from itertools import product

import numpy as np
import pytest

from limner.bandits import Additive, bandit, shared
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
        inside.append(abs(gap - 1.0) < 2 * found.error_between(1, 0))
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


def believed_at_length(arms):
    """The same model as text books have it: one column for every part, arm and pair, nothing integrated out."""
    parts, told = list(dict.fromkeys(part for arm in arms for part in arm.parts)), []
    for at, arm in enumerate(arms):
        told += [(at, reward, object() if pair is None else pair) for reward, pair in arm.rewards]
    pairs = list(dict.fromkeys(pair for _, _, pair in told))
    y, widths = np.array([reward for _, reward, _ in told]), (1, len(parts), len(arms), len(pairs))
    _, first, second, last = np.cumsum((0, *widths[:-1]))
    of_arm = np.zeros((len(arms), sum(widths)))
    of_arm[:, 0] = 1
    for at, arm in enumerate(arms):
        of_arm[at, [first + parts.index(part) for part in arm.parts]] = 1
        of_arm[at, second + at] = 1
    rows = of_arm[[at for at, _, _ in told]]
    rows[range(len(told)), [last + pairs.index(pair) for _, _, pair in told]] = 1
    total = y.var()
    cost = shared.PART_COST * total**0.5 * of_arm[:, first:second].sum(1)
    y = y + cost[[at for at, _, _ in told]]
    guess = [share * total for share in (shared.NOISE_SHARE, shared.PART_SHARE, shared.ARM_SHARE, shared.PAIR_SHARE)]
    noise, each, of_arms, of_pairs = guess[0], np.full(len(parts), guess[1]), guess[2], guess[3]
    for left in reversed(range(shared._EM_STEPS + 1)):
        spreads = (each, np.full(len(arms), of_arms), np.full(len(pairs), of_pairs))
        prior = np.concatenate([[shared.FLAT * total], *spreads])
        covariance = np.linalg.inv(rows.T @ rows / noise + np.diag(1 / prior))
        mean = covariance @ rows.T @ y / noise
        if not left:
            return of_arm @ mean - cost, of_arm @ covariance @ of_arm.T
        moments = mean**2 + np.diag(covariance)
        rest = (y - rows @ mean) ** 2 + ((rows @ covariance) * rows).sum(-1)
        noise, of_arms, of_pairs = (
            (some.sum() + shared.WEIGHT * guessed) / (len(some) + shared.WEIGHT)
            for some, guessed in ((rest, guess[0]), (moments[second:last], guess[2]), (moments[last:], guess[3]))
        )
        each = (moments[first:second] + shared.WEIGHT * guess[1]) / (1 + shared.WEIGHT)


@pytest.mark.parametrize("seed", range(5))
def test_what_is_integrated_out_is_integrated_out_exactly(seed):
    """Arms with one reward, several or none, some without parts, some rewards beside no other."""
    rng = np.random.default_rng(seed)
    arms = [" ".join(rng.choice(list(WORTH), size=rng.integers(0, 3), replace=False)) for _ in range(12)]
    policy = Additive(seed=0)
    for at, parts in enumerate(arms):
        policy.add(str(at), parts=parts.split())
    for number in range(15):
        for at in rng.choice(10, size=rng.integers(1, 4), replace=False):
            policy.tell(str(at), float(rng.standard_normal()), pair=(number, 0) if number % 5 else None)
    for at in (8, 9):
        policy.tell(str(at), 1.0, pair=("last", 0))
    every = [policy._known(arm) for arm in policy.arms()]
    found = believe_all(every)
    mean, covariance = believed_at_length(every)
    assert found.mean == pytest.approx(mean, abs=1e-9)
    assert found.error**2 == pytest.approx(np.diag(covariance), abs=1e-9)
    for arm, other in product(range(len(arms)), repeat=2):
        between = covariance[arm, arm] + covariance[other, other] - 2 * covariance[arm, other]
        assert found.error_between(arm, other) ** 2 == pytest.approx(between, abs=1e-9)


def test_memory_does_not_grow_with_the_square_of_the_arms():
    """3,000 arms of 40 sentences, most of them drawn once: a matrix of all against all has 72 MB, and takes several."""
    rng, policy = np.random.default_rng(6), Additive(seed=0)
    for at in range(3000):
        policy.add(str(at), parts=[f"sentence {part}" for part in rng.choice(40, 3, replace=False)])
        policy.tell(str(at), float(rng.standard_normal()), pair=(f"q{at // 8}", 0))
    for at in range(0, 3000, 60):
        policy.tell(str(at), float(rng.standard_normal()), pair=(f"q{at // 8}", 1))
    tracemalloc.start()
    try:
        survivors, order = policy.keep(64), policy.ranked()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert survivors
    assert len(order) == 3000
    assert peak < 20e6
