"""The machinery that every policy shares: arms, pending pulls, random ties, survival and exact state.

A policy adds one thing, the index by which arms are ranked, on arrays (`limner.bandits.seen`). Arms without a reward
rank above all others, so each arm is pulled before any is pulled twice.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from limner.bandits.arms import Arm, Noise
from limner.bandits.base import Choice, Pair, Verdict
from limner.bandits.choice import choose
from limner.bandits.seen import ORPHAN, Array, Positions, Seen
from limner.bandits.verdict import judge
from limner.types import Interval

Rule: TypeAlias = Callable[[Seen, np.random.Generator], Array]

_TIE = 1e-12
"""Indices this close, relative to the highest, differ by rounding only."""


class Policy(ABC):
    """A bandit up to its index. Not safe for use from several threads at once."""

    name: ClassVar[str]
    gamma: float = 1.0
    """What is left of earlier rewards' weight after each new one; 1 where rewards do not fade."""

    def __init__(self, seed: int) -> None:
        """Start without arms; `seed` decides ties and whatever else the policy draws."""
        self._rng = np.random.Generator(np.random.PCG64(seed))
        self._arms: dict[str, Arm] = {}

    @abstractmethod
    def index(self, seen: Seen, rng: np.random.Generator) -> Array:
        """Rank arms by what pulling them promises: the highest is pulled next. Same shape as the arrays of `seen`.

        What it says of arms that were never pulled or are out of play is not used.
        """

    def standing(self, seen: Seen, rng: np.random.Generator) -> Array:
        """Rank arms by what keeping them promises: the index, unless the policy pulls arms only to learn of them."""
        return self.index(seen, rng)

    def merit(self, seen: Seen) -> Array:
        """Rank arms for the final choice: their mean reward, unless the policy knows better."""
        return seen.mean

    def pull(self, seen: Seen, rng: np.random.Generator) -> Positions:
        """Position of the arm to pull next in each search: one never pulled, else that of highest index."""
        return _highest(self.index, seen, seen.in_play, rng)

    def choice(self, seen: Seen) -> Positions:
        """Position of the final choice in each search: highest merit; ties go to more pulls, then to the older arm."""
        merit = np.where(seen.in_play & (seen.n > 0), self.merit(seen), -np.inf)
        tied = merit == merit.max(-1, keepdims=True)
        return np.asarray(np.where(tied, seen.n, -1.0).argmax(-1))

    def _parameters(self) -> dict[str, float]:
        """What the policy was built with: part of its state."""
        return {}

    def add(self, arm: str, parent: str | None = None, parts: Sequence[str] = ()) -> None:
        """Bring an arm into play; one that was dropped comes back with all that is known of it."""
        known = self._arms.get(arm)
        if known is None:
            self._arms[arm] = Arm(arm, parent, tuple(dict.fromkeys(parts)))
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
        self._in_play(at_least_one_for=k, verb="ask for")
        chosen = []
        for _ in range(k):
            arm = self._everyone()[int(self.pull(self.seen(), self._rng))]
            arm.pending += 1
            chosen.append(arm.name)
        return chosen

    def tell(self, arm: str, reward: float, pair: tuple[str, int] | None = None) -> None:
        """Record a reward, also for an arm that was dropped meanwhile or never asked for."""
        known = self._known(arm)
        if reward is None or not math.isfinite(reward):
            raise ValueError(f"the reward of arm {arm!r} is {reward!r}; tell finite rewards and release failed pulls")
        if self.gamma < 1:
            for other in self._arms.values():
                other.recent = other.recent.faded(self.gamma)
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
        left = self._in_play(at_least_one_for=b, verb="keep")
        seen = self.seen()
        seen.pending[...] = 0
        among = seen.in_play.copy()
        survivors = []
        for _ in range(min(b, len(left))):
            position = int(_highest(self.standing, seen, among, self._rng))
            among[position] = False
            survivors.append(self._everyone()[position].name)
        return survivors

    def ranked(self) -> list[str]:
        """Name every arm that has a reward, in play or not, by its mean less a standard error: no lucky pull wins."""
        noise = self._noise()
        sd = noise.sd if noise.freedom else 1.0
        pulled = [arm for arm in self._everyone() if arm.moments.n]
        pulled.sort(key=lambda arm: sd / math.sqrt(arm.moments.n) - arm.moments.mean)
        return [arm.name for arm in pulled]

    def best(self, epsilon: float | None = None) -> Choice:
        """Name the arm of highest merit in play; see `limner.bandits.choice` for how its certainty is reckoned."""
        return choose(self._best(), self._rivals(), self._noise(), epsilon)

    def verdict(self, start: str, level: float = 0.95, epsilon: float | None = None) -> Verdict:
        """Say whether the best arm is better than `start`; see `limner.bandits.verdict`."""
        known, rivals = self._known(start), sum(arm.name != start for arm in self._rivals())
        return judge(self._best(), self.best(epsilon), known, self._noise(), rivals, level)

    def arms(self) -> list[str]:
        """Name the arms in play, in the order in which they came."""
        return [arm.name for arm in self._arms.values() if arm.in_play]

    def pulls(self, arm: str) -> int:
        """Count the rewards told for an arm, in play or dropped."""
        return len(self._known(arm).rewards)

    def interval(self, arm: str) -> Interval | None:
        """Mean reward of an arm with its 95 % interval, by the noise pooled over arms; None before its first reward."""
        return self._noise().interval(self._known(arm).moments)

    def seen(self) -> Seen:
        """All arms, dropped ones included, in the order in which they came."""
        arms = self._everyone()
        position = {arm.name: at for at, arm in enumerate(arms)}
        return Seen(
            np.array([arm.recent.n for arm in arms], float),
            np.array([arm.recent.mean for arm in arms], float),
            np.array([arm.recent.squares for arm in arms], float),
            np.array([arm.pending for arm in arms], float),
            np.array([arm.in_play for arm in arms], bool),
            np.array([position.get(arm.parent or "", ORPHAN) for arm in arms], np.intp),
        )

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
        return Noise.within(arm.moments for arm in self._arms.values())

    def _rivals(self) -> list[Arm]:
        return [arm for arm in self._arms.values() if arm.in_play]

    def _best(self) -> Arm:
        if not any(arm.moments.n for arm in self._rivals()):
            raise ValueError("no arm in play has a reward, so there is no best one; tell a reward first")
        return self._everyone()[int(self.choice(self.seen()))]

    def _everyone(self) -> Sequence[Arm]:
        return [*self._arms.values()]


def _highest(rule: Rule, seen: Seen, among: NDArray[np.bool_], rng: np.random.Generator) -> Positions:
    """Position of the arm among `among` that ranks highest in each search, arms never pulled before all others."""
    fresh = among & (seen.pulls == 0)
    some_fresh = fresh.any(-1, keepdims=True)
    if some_fresh.all():
        top = fresh
    else:
        ranks = np.where(among, rule(seen, rng), -np.inf)
        highest = ranks.max(-1, keepdims=True)
        top = np.where(some_fresh, fresh, ranks >= highest - _TIE * np.abs(highest))
    return np.asarray(np.where(top, rng.random(top.shape), -1.0).argmax(-1))
