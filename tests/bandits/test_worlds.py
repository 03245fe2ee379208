"""Policies on many worlds at once: the same arithmetic as one search, and what it is worth."""

from __future__ import annotations

import numpy as np
import pytest

from limner.bandits import POLICIES, EmpiricalGradient, KnowledgeGradient, SequentialHalving, SuccessiveRejects
from limner.bandits.seen import ORPHAN, Seen


@pytest.mark.parametrize("name", POLICIES)
def test_a_world_among_many_is_played_as_a_search_alone(name: str) -> None:
    """One world, one generator: `ask` and `tell` make the pulls that `pull` and `record` make."""
    means, noise = np.random.default_rng(1).normal(0.3, 0.1, 5), np.random.default_rng(2)
    alone, arrays = POLICIES[name](seed=7), POLICIES[name](seed=7)
    rng = np.random.Generator(np.random.PCG64(7))
    seen = Seen.nothing(np.array([[ORPHAN, ORPHAN, 0, 1, 0]]))
    for arm, parent in enumerate([None, None, "0", "1", "0"]):
        alone.add(str(arm), parent)
    for _ in range(40):
        asked, pulled = alone.ask()[0], arrays.pull(seen, rng)
        assert asked == str(pulled[0])
        reward = noise.normal(means[pulled], 0.1)
        alone.tell(asked, float(reward[0]))
        seen.record(pulled, reward, arrays.gamma)
    assert alone.best().arm == str(arrays.choice(seen)[0])


def _shortfall(policy: KnowledgeGradient | EmpiricalGradient, means: np.ndarray, pulls: int) -> np.ndarray:
    seen, rows, rng = Seen.nothing(np.full(means.shape, ORPHAN)), np.arange(len(means)), np.random.default_rng(5)
    for _ in range(pulls):
        arm = policy.pull(seen, rng)
        seen.record(arm, rng.normal(means[rows, arm], 0.012))
    return means.max(-1) - means[rows, policy.choice(seen)]


def test_estimating_prior_and_noise_costs_little_beside_being_told() -> None:
    means = np.random.default_rng(4).normal(0.272, 0.006, (300, 12))
    told = _shortfall(KnowledgeGradient(0, 0.272, 0.006, 0.012), means, 150).mean()
    assert _shortfall(EmpiricalGradient(0), means, 150).mean() < 1.3 * told
    assert told < 0.75e-3


def test_choices_of_the_empirical_gradient_do_not_depend_on_scale_or_origin() -> None:
    def choices(scale: float, shift: float) -> list[list[int]]:
        policy, luck = EmpiricalGradient(0), np.random.default_rng(0)
        seen, rng = Seen.nothing(np.full((20, 6), ORPHAN)), np.random.default_rng(1)
        pulled = []
        for _ in range(60):
            arm = policy.pull(seen, rng)
            seen.record(arm, scale * (arm + 5 * luck.standard_normal(20)) + shift)
            pulled.append(arm.tolist())
        return pulled

    assert choices(0.001, 0.3) == choices(1.0, 0.0) == choices(50.0, -7.0)


def test_a_child_starts_from_its_parents_estimate() -> None:
    policy = EmpiricalGradient(seed=0)
    for arm in ("good", "bad"):
        policy.add(arm)
        for turn in range(8):
            policy.tell(arm, (1.0 if arm == "good" else 0.0) + 0.3 * (-1) ** turn)
    for parent in ("good", "bad"):
        policy.add(f"child of {parent}", parent)
        policy.tell(f"child of {parent}", 0.5)
    assert policy.keep(4) == ["good", "child of good", "child of bad", "bad"]


def _pulls(policy: SequentialHalving | SuccessiveRejects, arms: int, pulls: int) -> list[int]:
    """How often each arm is pulled when arm i always pays i."""
    for arm in range(arms):
        policy.add(str(arm))
    for _ in range(pulls):
        arm = policy.ask()[0]
        policy.tell(arm, float(arm))
    assert policy.best().arm == str(arms - 1)
    return [policy.pulls(str(arm)) for arm in range(arms)]


def test_sequential_halving_keeps_the_published_schedule() -> None:
    """T = 96, n = 8: rounds of 32 pulls; t_r = 4, 8, 16."""
    assert _pulls(SequentialHalving(0, budget=96), 8, 96) == [4] * 4 + [12] * 2 + [28] * 2


def test_successive_rejects_keeps_the_published_schedule() -> None:
    """n = 100, K = 4: logbar = 19/12, n_k = ceil(96 / (19/12 (5 - k))) = 16, 21, 31."""
    assert _pulls(SuccessiveRejects(0, budget=99), 4, 99) == [15, 20, 30, 34]
    assert _pulls(SuccessiveRejects(0, budget=100), 4, 100) == [16, 21, 31, 32]
