"""Bandits: which instruction deserves the next picture, and which ones survive a round."""

from __future__ import annotations

from limner.bandits.additive import Additive
from limner.bandits.base import Bandit, Choice, Pair, Verdict
from limner.bandits.bigpe import Bigpe
from limner.bandits.discounted_ucb import DiscountedUcb
from limner.bandits.empirical_gradient import EmpiricalGradient
from limner.bandits.epsilon_greedy import EpsilonGreedy
from limner.bandits.greedy import Greedy
from limner.bandits.halving import SequentialHalving
from limner.bandits.kl_ucb import KlUcb
from limner.bandits.knowledge_gradient import KnowledgeGradient
from limner.bandits.lucb import Lucb
from limner.bandits.policy import Policy
from limner.bandits.rejects import SuccessiveRejects
from limner.bandits.thompson import Thompson
from limner.bandits.top_two import TopTwo
from limner.bandits.ucb import Ucb
from limner.bandits.ucb1 import Ucb1
from limner.bandits.ucb_v import UcbV
from limner.bandits.uniform import Uniform
from limner.errors import UsageError

__all__ = [
    "POLICIES",
    "Additive",
    "Bandit",
    "Bigpe",
    "Choice",
    "DiscountedUcb",
    "EmpiricalGradient",
    "EpsilonGreedy",
    "Greedy",
    "KlUcb",
    "KnowledgeGradient",
    "Lucb",
    "Pair",
    "Policy",
    "SequentialHalving",
    "SuccessiveRejects",
    "Thompson",
    "TopTwo",
    "Ucb",
    "Ucb1",
    "UcbV",
    "Uniform",
    "Verdict",
    "bandit",
]

POLICIES: dict[str, type[Policy]] = {
    policy.name: policy
    for policy in (
        Additive,
        Ucb,
        Bigpe,
        Greedy,
        EpsilonGreedy,
        EmpiricalGradient,
        Ucb1,
        UcbV,
        KlUcb,
        Thompson,
        TopTwo,
        Lucb,
        SequentialHalving,
        SuccessiveRejects,
        DiscountedUcb,
        Uniform,
    )
}
"""The policies by the names that settings and the command line use."""


def bandit(name: str, seed: int) -> Bandit:
    """A policy without arms, with its published (or, for `ucb`, default) parameters.

    Raises:
        UsageError: no policy has that name.
    """
    if name not in POLICIES:
        raise UsageError(f"there is no bandit {name!r}; choose one of {', '.join(POLICIES)}")
    return POLICIES[name](seed)
