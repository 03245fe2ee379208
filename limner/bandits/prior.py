"""What rewards say of arms that were not pulled yet: prior and noise, estimated from all arms (empirical Bayes).

Model: reward = theta_i + N(0, s^2), theta_i ~ N(mu, tau^2), and a child is correlated with its parent. mu is estimated
by generalised least squares and tau^2 by EM on its marginal likelihood (Morris, JASA 78, 1983; Dempster, Laird and
Rubin 1977), which adaptive pulls do not bias: a likelihood does not know why it was asked.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from limner.bandits.seen import ORPHAN, Array, Seen

NOISE_WEIGHT = 1.0
"""Degrees of freedom of the prior guess that all rewards' variance is noise."""

SPREAD_WEIGHT = 2.0
"""Arms' worth of the prior guess that a quarter of all rewards' variance is between arms: keeps tau^2 above 0."""

SPREAD_SHARE = 0.25

TINY = 1e-300
"""Variances up to this are none: their inverse may be no number any more."""

_EM_STEPS = 4


class Prior(NamedTuple):
    """Arms' means are N(mean, spread) before their first reward; rewards have variance `noise`. Shapes (..., 1)."""

    mean: Array
    spread: Array
    noise: Array


class Belief(NamedTuple):
    """Posterior of each arm's mean: its own mean and variance. Shapes (..., arms)."""

    mean: Array
    variance: Array


def estimate(seen: Seen) -> Prior:
    """Prior and noise from rewards alone; all zero spread and noise while rewards are all alike."""
    known, lumped, noise = seen.n > 0, seen.lumped, seen.noise(NOISE_WEIGHT)
    arms = known.sum(-1, keepdims=True)
    guess = SPREAD_SHARE * lumped
    spread, mean = guess, seen.grand_mean
    error = noise / np.where(known, seen.n, 1.0)
    for _ in range(_EM_STEPS):
        total = spread + error
        weight = np.where(known & (total > TINY), 1 / np.where(total > TINY, total, 1.0), 0.0)
        mean = (weight * seen.mean).sum(-1, keepdims=True) / np.maximum(weight.sum(-1, keepdims=True), 1e-300)
        shrink = spread * weight
        expected = np.where(known, (shrink * (seen.mean - mean)) ** 2 + spread * (1 - shrink), 0.0)
        freedom = np.maximum(arms - 1 + SPREAD_WEIGHT, 1.0)
        spread = (expected.sum(-1, keepdims=True) + SPREAD_WEIGHT * guess) / freedom
    return Prior(np.where(lumped > 0, mean, seen.grand_mean), spread, noise)


def believe(seen: Seen, prior: Prior, inherit: float, n: Array | None = None) -> Belief:
    """The posterior of each arm's mean.

    A child's prior is its parent's posterior, discounted: theta_child and theta_parent have correlation `inherit` in
    [0, 1] (0: the parent says nothing). Only the parent's own rewards count, not its ancestors'.

    Args:
        seen: rewards so far.
        prior: what holds of all arms.
        inherit: correlation of child and parent.
        n: rewards to count for each arm's variance, where not those told (pending ones, for instance).
    """
    mean, spread = prior.mean, prior.spread
    own = _shrink(seen.n, spread, prior.noise)
    if inherit and (seen.parent != ORPHAN).any():
        parent = np.maximum(seen.parent, 0)
        taken = np.where(seen.parent == ORPHAN, 0.0, np.take_along_axis(own, parent, -1))
        mean = mean + inherit * taken * (np.take_along_axis(seen.mean, parent, -1) - mean)
        spread = spread * (1 - inherit**2 * taken)
        own = _shrink(seen.n, spread, prior.noise)
    then = own if n is None else _shrink(n, spread, prior.noise)
    return Belief(mean + own * (seen.mean - mean), spread * (1 - then))


def _shrink(n: Array, spread: Array, noise: Array) -> Array:
    """tau^2 / (tau^2 + s^2 / n): how much of an arm's deviation is to be believed; 0 where nothing is known."""
    total = n * spread + noise
    return np.where(total > 0, n * spread / np.where(total > 0, total, 1.0), 0.0)
