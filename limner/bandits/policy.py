"""The machinery that every policy shares: arms, pending pulls, random ties, survival and exact state.

A policy adds one thing, the index by which arms are ranked. Arms without a reward rank above all others, so each arm is
pulled before any is pulled twice.
"""

from __future__ import annotations

import functools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from limner.bandits.arms import Arm, Moments, Noise
from limner.bandits.base import Choice, Pair
from limner.bandits.choice import choose
from limner.types import Interval

_TIE = 1e-12
"""Indices this close, relative to the highest, differ by rounding only."""


class Policy(ABC):
    """A bandit up to its index. Not safe for use from several threads at once."""

    name: ClassVar[str]

    def __init__(self, seed: int) -> None:
        """Start without arms; `seed` decides ties and whatever else the policy draws."""
        self._rng = np.random.Generator(np.random.PCG64(seed))
        self._arms: dict[str, Arm] = {}

    @abstractmethod
    def _indices(self, means: Sequence[float], counts: Sequence[int], t: int) -> list[float]:
        """Rank arms by what they promise: the highest is pulled or kept.

        Args:
            means: mean reward of each arm; that of all arms where an arm's first reward is still pending.
            counts: how often each was pulled, n_i; at least 1.
            t: pulls of all arms so far, dropped ones included; at least 1.
        """

    def _parameters(self) -> dict[str, float]:
        """What the policy was built with: part of its state."""
        return {}

    def add(self, arm: str, parent: str | None = None) -> None:
        """Bring an arm into play; one that was dropped comes back with all that is known of it."""
        known = self._arms.get(arm)
        if known is None:
            self._arms[arm] = Arm(arm, parent)
        elif known.in_play:
            raise ValueError(f"arm {arm!r} is already in play; add each arm once")
        else:
            known.in_play = True

    def drop(self, arm: str) -> None:
        """Take an arm out of play. Its rewards still tell how noisy rewards are."""
        known = self._known(arm)
        if not known.in_play:
            raise ValueError(f"arm {arm!r} is no longer in play; drop each arm once")
        known.in_play = False

    def ask(self, k: int = 1) -> list[str]:
        """Name the arms of the next `k` pulls; pulls still pending count as made, so that a batch spreads."""
        arms = self._in_play(at_least_one_for=k, verb="ask for")
        chosen = []
        for _ in range(k):
            arm = self._draw(arms, lambda known: known.moments.n + known.pending)
            arm.pending += 1
            chosen.append(arm.name)
        return chosen

    def tell(self, arm: str, reward: float, pair: tuple[str, int] | None = None) -> None:
        """Record a reward, also for an arm that was dropped meanwhile or never asked for."""
        known = self._known(arm)
        if reward is None or not math.isfinite(reward):
            raise ValueError(f"the reward of arm {arm!r} is {reward!r}; tell finite rewards and release failed pulls")
        known.record(float(reward), None if pair is None else Pair(str(pair[0]), int(pair[1])))
        known.pending = max(known.pending - 1, 0)

    def release(self, arm: str) -> None:
        """Forget one pending pull that will have no reward."""
        known = self._known(arm)
        if not known.pending:
            raise ValueError(f"arm {arm!r} has no pending pull; release only what was asked for")
        known.pending -= 1

    def keep(self, b: int) -> list[str]:
        """Name the `b` arms that survive by the policy's index, the best first; unjudged arms survive judged ones."""
        arms = self._in_play(at_least_one_for=b, verb="keep")
        survivors: list[Arm] = []
        while arms and len(survivors) < b:
            arm = self._draw(arms, lambda known: known.moments.n)
            arms.remove(arm)
            survivors.append(arm)
        return [arm.name for arm in survivors]

    def best(self, epsilon: float | None = None) -> Choice:
        """Name the arm of highest mean in play; see `limner.bandits.choice` for how its certainty is reckoned."""
        return choose([arm for arm in self._arms.values() if arm.in_play], self._noise(), epsilon)

    def arms(self) -> list[str]:
        """Name the arms in play, in the order in which they came."""
        return [arm.name for arm in self._arms.values() if arm.in_play]

    def pulls(self, arm: str) -> int:
        """Count the rewards told for an arm, in play or dropped."""
        return self._known(arm).moments.n

    def interval(self, arm: str) -> Interval | None:
        """Mean reward of an arm with its 95 % interval, by the noise pooled over arms; None before its first reward."""
        return self._noise().interval(self._known(arm).moments)

    def state(self) -> dict[str, Any]:
        """Everything as plain JSON. The generator's words are hexadecimal: 128 bits fit in no checkpoint's integer."""
        rng: Mapping[str, Any] = self._rng.bit_generator.state
        return {
            "policy": self.name,
            "parameters": self._parameters(),
            "rng": {**rng, "state": {word: hex(value) for word, value in rng["state"].items()}},
            "arms": [arm.as_json() for arm in self._arms.values()],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become exactly the bandit whose `state` this is.

        Raises:
            ValueError: the state belongs to another policy or to other parameters.
        """
        ours, theirs = (self.name, self._parameters()), (state["policy"], state["parameters"])
        if ours != theirs:
            raise ValueError(f"a state of {theirs} cannot continue as {ours}; build the bandit it was saved from")
        rng = state["rng"]
        self._rng.bit_generator.state = {**rng, "state": {word: int(value, 16) for word, value in rng["state"].items()}}
        self._arms = {arm["arm"]: Arm.from_json(arm) for arm in state["arms"]}

    def _known(self, arm: str) -> Arm:
        if arm not in self._arms:
            raise ValueError(f"arm {arm!r} was never added; add it first")
        return self._arms[arm]

    def _in_play(self, at_least_one_for: int, verb: str) -> list[Arm]:
        if at_least_one_for < 1:
            raise ValueError(f"cannot {verb} {at_least_one_for} arms; the number must be 1 or more")
        arms = [arm for arm in self._arms.values() if arm.in_play]
        if not arms:
            raise ValueError(f"cannot {verb} arms: none is in play; add one first")
        return arms

    def _noise(self) -> Noise:
        return Noise.within(self._arms.values())

    def _draw(self, arms: Sequence[Arm], count: Callable[[Arm], int]) -> Arm:
        """The arm to take next, if each was pulled as often as `count` says."""
        fresh = [arm for arm in arms if not count(arm)]
        if fresh:
            return self._any(fresh)
        return self._ranked(arms, [count(arm) for arm in arms], sum(count(arm) for arm in self._arms.values()))

    def _ranked(self, arms: Sequence[Arm], counts: Sequence[int], t: int) -> Arm:
        """The arm of highest index; ties at random."""
        all_in_all = self._all_rewards().mean
        means = [arm.moments.mean if arm.moments.n else all_in_all for arm in arms]
        indices = self._indices(means, counts, t)
        top = max(indices)
        return self._any([arm for arm, i in zip(arms, indices, strict=True) if i >= top - _TIE * abs(top)])

    def _all_rewards(self) -> Moments:
        return functools.reduce(Moments.merged, (arm.moments for arm in self._arms.values()), Moments())

    def _any(self, arms: Sequence[Arm]) -> Arm:
        return arms[0] if len(arms) == 1 else arms[int(self._rng.integers(len(arms)))]
