"""What policies look at: counts and moments of arms as arrays, of one search or of many searches side by side.

The last axis runs over arms; axes before it, if any, over independent searches (worlds). A policy's arithmetic is
written once, on these arrays: `Policy` gives it one search, `limner bench bandit` thousands, so what runs is measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
Positions: TypeAlias = NDArray[np.intp]

ORPHAN = -1
"""The parent's position where an arm has none."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Rewards told so far. All arrays have the same shape, (..., arms).

    n: rewards told; a fraction where old rewards fade.
    mean: mean reward; 0 where n is 0.
    squares: sum of squared deviations from that mean.
    pending: pulls that were asked for and have no reward yet.
    in_play: whether the arm may be pulled; arms out of play still tell how noisy rewards are.
    parent: position of the arm from which this one was made, or ORPHAN.
    """

    n: Array
    mean: Array
    squares: Array
    pending: Array
    in_play: NDArray[np.bool_]
    parent: Positions

    @classmethod
    def nothing(cls, parent: Positions) -> Seen:
        """No reward yet, of as many arms as `parent` says, all in play."""
        shape = parent.shape
        n, mean, squares, pending = (np.zeros(shape) for _ in range(4))
        return cls(n, mean, squares, pending, np.ones(shape, bool), parent)

    def record(self, arm: Positions, reward: Array, gamma: float = 1.0) -> None:
        """Tell one reward per search, in place, after all earlier ones faded by `gamma` (Welford 1962, weighted).

        Args:
            arm: position of the pulled arm in each search; one axis less than the arrays.
            reward: its reward, same shape.
            gamma: what is left of every earlier reward's weight, in (0, 1].
        """
        if gamma < 1:
            self.n[...] *= gamma
            self.squares[...] *= gamma
        at = arm[..., None]
        n, mean, squares = (np.take_along_axis(known, at, -1) for known in (self.n, self.mean, self.squares))
        delta = reward[..., None] - mean
        np.put_along_axis(self.n, at, n + 1, -1)
        np.put_along_axis(self.mean, at, mean + delta / (n + 1), -1)
        np.put_along_axis(self.squares, at, squares + delta * delta * (n / (n + 1)), -1)

    def first(self, arms: int) -> Seen:
        """The first so many arms, sharing memory with this."""
        cut = (..., slice(arms))
        return Seen(
            self.n[cut], self.mean[cut], self.squares[cut], self.pending[cut], self.in_play[cut], self.parent[cut]
        )

    @property
    def pulls(self) -> Array:
        """Rewards told and pending, n_i: pending pulls count as made, so that a batch of asks spreads."""
        return self.n + self.pending

    @property
    def counts(self) -> Array:
        """`pulls`, with 1 where there is none, to divide by."""
        pulls = self.pulls
        return np.where(pulls > 0, pulls, 1.0)

    @property
    def t(self) -> Array:
        """Pulls of all arms so far, arms out of play included; at least 1. Shape (..., 1)."""
        return np.maximum(_total(self.pulls), 1.0)

    @property
    def means(self) -> Array:
        """Mean reward; that of all rewards where an arm's first one is still pending."""
        return np.where(self.n > 0, self.mean, self.grand_mean)

    @property
    def grand_mean(self) -> Array:
        """Mean of all rewards, 0 while there is none. Shape (..., 1)."""
        return _total(self.n * self.mean) / np.maximum(_total(self.n), 1e-300)

    @property
    def lumped(self) -> Array:
        """Variance of all rewards, arms lumped together; 0 before the second reward. Shape (..., 1)."""
        squares = _total(self.squares) + _total(self.n * (self.mean - self.grand_mean) ** 2)
        freedom = _total(self.n) - 1
        return np.where(freedom > 0, squares / np.where(freedom > 0, freedom, 1.0), 0.0)

    @property
    def freedom(self) -> Array:
        """Degrees of freedom of the spread within arms. Shape (..., 1)."""
        return _total(np.maximum(self.n - 1, 0.0))

    def noise(self, weight: float = 1.0) -> Array:
        """Variance of one reward, s^2, pooled over arms, shape (..., 1).

        The variance of all rewards counts as `weight` more degrees of freedom: while no arm has two rewards the spread
        between arms stands in for the noise (too large rather than too small: it explores), and fades later.
        """
        return (weight * self.lumped + _total(self.squares)) / (weight + self.freedom)


def _total(of: Array) -> Array:
    return np.asarray(of.sum(-1, keepdims=True))
