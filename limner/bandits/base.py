"""What a bandit is: it chooses which instruction (arm) deserves the next picture (pull).

Pulls are counted when their reward is told, never when a bound is evaluated. Arms come and go during a search; ties are
broken at random and without bias; a bandit's whole state is plain JSON, so a search resumes exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from limner.types import Interval


class Pair(NamedTuple):
    """What two arms have in common when they drew the same request with the same seed (common random numbers)."""

    query: str
    seed: int


class Choice(NamedTuple):
    """The best arm, how well its mean is known (95 %), and how likely nothing in play is truly better.

    `low` and `high` are None while no arm has two rewards; `p_within_epsilon` is None then, and while a rival has none.
    The interval is not corrected for having picked the best: the final choice belongs to fresh queries.
    """

    arm: str
    low: float | None
    high: float | None
    p_within_epsilon: float | None


class Verdict(NamedTuple):
    """The chosen arm beside the one that everything began with.

    `gain` is its mean reward minus the start's, with bounds corrected for having picked it among all; None while the
    start has no reward. `improved` says that the whole interval is above 0: False is an honest end of a search.
    """

    arm: str
    gain: Interval | None
    improved: bool
    p_within_epsilon: float | None


@runtime_checkable
class Bandit(Protocol):
    """A policy with its memory. Arms are named by strings; rewards are finite numbers, higher is better."""

    def add(self, arm: str, parent: str | None = None, parts: Sequence[str] = ()) -> None:
        """Bring an arm into play; one that was dropped comes back with all that is known of it.

        `parts` name what the arm is made of: arms with parts in common are alike.
        """
        ...

    def drop(self, arm: str) -> None:
        """Take an arm out of play. Its rewards still tell how noisy rewards are."""
        ...

    def ask(self, k: int = 1) -> list[str]:
        """Name the arms of the next `k` pulls, repeats allowed; each stays pending until it is told or released."""
        ...

    def tell(self, arm: str, reward: float, pair: tuple[str, int] | None = None) -> None:
        """Record a reward; `pair` is (query id, seed) where other arms meet the same request and seed."""
        ...

    def release(self, arm: str) -> None:
        """Forget one pending pull that will have no reward, because it could not be drawn or judged."""
        ...

    def keep(self, b: int) -> list[str]:
        """Name at most `b` arms that survive, the best first; nothing is dropped by this."""
        ...

    def ranked(self) -> list[str]:
        """Name every arm that has a reward, in play or not, that which is surely best first."""
        ...

    def best(self, epsilon: float | None = None) -> Choice:
        """Name the best arm by the rewards so far among those in play that have one."""
        ...

    def verdict(self, start: str, level: float = 0.95, epsilon: float | None = None) -> Verdict:
        """Say whether the best arm is better than `start`, which may be out of play."""
        ...

    def arms(self) -> list[str]:
        """Name the arms in play, in the order in which they came."""
        ...

    def pulls(self, arm: str) -> int:
        """Count the rewards told for an arm, in play or dropped."""
        ...

    def interval(self, arm: str) -> Interval | None:
        """Mean reward of an arm with its 95 % interval; None before its first reward."""
        ...

    def state(self) -> dict[str, Any]:
        """Everything, the random numbers' state included, as plain JSON."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Become exactly the bandit whose `state` this is."""
        ...
