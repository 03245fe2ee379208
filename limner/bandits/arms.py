"""What is known of arms: their rewards, and how noisy rewards are.

Means and squared deviations are kept by Welford's update and merged by Chan's, which stay accurate for rewards that
differ in the fourth digit (HPS v2) and give exactly 0 for rewards that are all alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from limner.bandits.base import Pair
from limner.statistics import t_quantile
from limner.types import Interval


@dataclass(frozen=True, slots=True)
class Moments:
    """Number (a fraction where old values fade), mean and sum of squared deviations from the mean."""

    n: float = 0
    mean: float = 0.0
    squares: float = 0.0

    def plus(self, value: float) -> Moments:
        """With one more value (Welford 1962)."""
        return self.merged(Moments(1, value))

    def merged(self, other: Moments) -> Moments:
        """Of both together (Chan, Golub and LeVeque 1979)."""
        if not other.n:
            return self
        n = self.n + other.n
        delta = other.mean - self.mean
        squares = self.squares + other.squares + delta * delta * (self.n * other.n / n)
        return Moments(n, self.mean + delta * (other.n / n), squares)

    def faded(self, gamma: float) -> Moments:
        """With every value's weight multiplied by `gamma`."""
        return Moments(self.n * gamma, self.mean, self.squares * gamma)


@dataclass(slots=True)
class Arm:
    """One arm's history.

    `pending` counts pulls that were asked for and have no reward yet. `recent` are the moments in which older rewards
    weigh less, where the policy lets them fade; equal to `moments` where it does not.
    """

    name: str
    parent: str | None = None
    parts: tuple[str, ...] = ()
    in_play: bool = True
    pending: int = 0
    rewards: list[tuple[float, Pair | None]] = field(default_factory=list)
    moments: Moments = Moments()
    recent: Moments = Moments()

    def record(self, reward: float, pair: Pair | None) -> None:
        """Count one pull."""
        self.rewards.append((reward, pair))
        self.moments = self.moments.plus(reward)
        self.recent = self.recent.plus(reward)

    def by_pair(self) -> dict[Pair, float]:
        """Reward per (query, seed); the mean where one was drawn more than once."""
        seen: dict[Pair, Moments] = {}
        for reward, pair in self.rewards:
            if pair is not None:
                seen[pair] = seen.get(pair, Moments()).plus(reward)
        return {pair: moments.mean for pair, moments in seen.items()}

    def as_json(self) -> dict[str, Any]:
        """History: moments are recomputed from it in the same order, hence to the same bits; faded ones are kept."""
        rewards = [[reward, *(pair or ())] for reward, pair in self.rewards]
        return {
            "arm": self.name,
            "parent": self.parent,
            "parts": list(self.parts),
            "in_play": self.in_play,
            "pending": self.pending,
            "rewards": rewards,
            "recent": [self.recent.n, self.recent.mean, self.recent.squares],
        }

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> Arm:
        """Inverse of `as_json`."""
        arm = cls(state["arm"], state["parent"], tuple(state.get("parts", ())), state["in_play"], state["pending"])
        for reward, *pair in state["rewards"]:
            arm.record(reward, Pair(*pair) if pair else None)
        arm.recent = Moments(*state["recent"])
        return arm


class Noise(NamedTuple):
    """Spread of single rewards within arms, pooled over arms; `freedom` 0 means that no arm has two rewards."""

    sd: float
    freedom: int

    @classmethod
    def within(cls, arms: Iterable[Moments]) -> Noise:
        """Sum of squares about each arm's own mean, over its degrees of freedom."""
        seen = [moments for moments in arms if moments.n]
        freedom = sum(int(moments.n) - 1 for moments in seen)
        squares = math.fsum(moments.squares for moments in seen)
        return cls(math.sqrt(squares / freedom) if freedom else 0.0, freedom)

    def interval(self, moments: Moments) -> Interval | None:
        """95 % t interval of an arm's mean: one spread for all arms, since arms of two pulls know none of their own."""
        if not moments.n:
            return None
        if not self.freedom:
            return Interval(moments.mean, None, None)
        half = t_quantile(0.975, self.freedom) * self.sd / math.sqrt(moments.n)
        return Interval(moments.mean, moments.mean - half, moments.mean + half)
