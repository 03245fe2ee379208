"""Bandits: which instruction deserves the next picture, and which ones survive a round."""

from __future__ import annotations

from limner.bandits.base import Bandit, Choice, Pair
from limner.bandits.bigpe import Bigpe
from limner.bandits.epsilon_greedy import EpsilonGreedy
from limner.bandits.greedy import Greedy
from limner.bandits.policy import Policy
from limner.bandits.ucb import Ucb
from limner.errors import UsageError

__all__ = ["POLICIES", "Bandit", "Bigpe", "Choice", "EpsilonGreedy", "Greedy", "Pair", "Policy", "Ucb", "bandit"]

POLICIES: dict[str, type[Policy]] = {policy.name: policy for policy in (Ucb, Bigpe, Greedy, EpsilonGreedy)}
"""The policies by the names that settings and the command line use."""


def bandit(name: str, seed: int) -> Bandit:
    """A policy without arms, with its published (or, for `ucb`, default) parameters.

    Raises:
        UsageError: no policy has that name.
    """
    if name not in POLICIES:
        raise UsageError(f"there is no bandit {name!r}; choose one of {', '.join(POLICIES)}")
    return POLICIES[name](seed)
