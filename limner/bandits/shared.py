"""What all rewards say of each arm, where arms share parts and pulls share a request: one normal model of everything.

    y = mu + sum of w_p over the arm's parts + u_arm + b_pair + e

An arm's parts are the sentences of its instruction, so evidence about a sentence counts for every arm that holds it; a
pair is a request with a picture seed, whose ease is common to all arms drawn for it. Arms and pairs are normal about 0.
Parts are Student t about a small cost: of many that do next to nothing some look good by luck, and tails keep the few
that do much unshrunk. Variances are estimated by EM on the marginal likelihood (Dempster, Laird and Rubin 1977; Laird
and Ware, Biometrics 38, 1982), each with a few draws' worth of a guess, so that none is ever 0.

Most arms are drawn once and never again. What such an arm is worth beyond its parts is integrated out exactly: it is
one more cause of its only reward's error, so that the matrix to be inverted grows with the arms that came back, not
with all.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from limner.bandits.arms import Arm
from limner.bandits.prior import TINY

Array = NDArray[np.float64]

NOISE_SHARE, PAIR_SHARE, PART_SHARE, ARM_SHARE = 0.5, 0.25, 0.04, 0.05
"""Shares of all rewards' variance that each variance is guessed to be."""
WEIGHT = 2.0
"""Draws' worth of each guess; of a part's, the degrees of freedom of its tails."""
PART_COST = 0.2
"""What a part is believed to cost until it shows its worth, in standard deviations of all rewards."""
FLAT = 1e4
"""Variance of mu, in units of all rewards' variance: nothing is assumed of it."""
_EM_STEPS = 8


class Posterior(NamedTuple):
    """Of the arms' means, in the order of the arms: normal, with this mean (arms,) and covariance (arms, arms)."""

    mean: Array
    covariance: Array
    noise: float

    @property
    def error(self) -> Array:
        """Standard deviation of each arm's mean."""
        return np.sqrt(np.maximum(np.diag(self.covariance), 0.0))


class _Variances(NamedTuple):
    """`part` (parts,) holds each part's own."""

    noise: float
    pair: float
    part: Array
    arm: float


class _Data(NamedTuple):
    """Rewards and the design.

    y (n,): rewards. arm, pair (n,): positions of each one's arm and pair. design (arms, latents): mu, parts, and one
    column for each arm with several rewards. several (arms,): those arms. lone (n,): whether the reward is its arm's
    only one.
    """

    y: Array
    arm: NDArray[np.intp]
    pair: NDArray[np.intp]
    design: Array
    parts: int
    several: NDArray[np.bool_]
    lone: NDArray[np.bool_]

    def sums(self, values: Array) -> Array:
        """Sums over each pair; `values` is (n,) or (n, latents)."""
        order = np.argsort(self.pair, kind="stable")
        starts = np.flatnonzero(np.diff(self.pair[order], prepend=-1))
        return np.add.reduceat(values[order], starts)


class _Fit(NamedTuple):
    """What one set of variances makes of the data.

    mean (latents,), covariance (latents, latents): of mu, parts and arms with several rewards.
    spread (n,): variance of a reward about latents and pair; a lone reward's holds its arm's own effect.
    pair (pairs,), pair_spread (pairs,): each pair's effect, and its variance where the latents are known.
    pair_moves (pairs, latents): by how much less a pair's effect is for more of a latent.
    left (n,), unsure (n,): mean and variance of what latents and pair leave of a reward.
    apart (n, latents): by how much less that is for more of a latent.
    """

    mean: Array
    covariance: Array
    spread: Array
    pair: Array
    pair_spread: Array
    pair_moves: Array
    left: Array
    unsure: Array
    apart: Array


def believe_all(arms: Sequence[Arm]) -> Posterior | None:
    """The posterior of every arm's mean; None while rewards are all alike or there are fewer than two."""
    data = _data(arms)
    total = float(data.y.var()) if len(data.y) > 1 else 0.0
    if total <= TINY:
        return None
    cost = PART_COST * total**0.5 * data.design[:, 1 : 1 + data.parts].sum(1)
    data = data._replace(y=data.y + cost[data.arm])
    guess = _Variances(
        NOISE_SHARE * total, PAIR_SHARE * total, np.full(data.parts, PART_SHARE * total), ARM_SHARE * total
    )
    variances = guess
    for _ in range(_EM_STEPS):
        variances = _updated(data, _fitted(data, variances, total), variances, guess)
    mean, covariance = _means(data, _fitted(data, variances, total), variances)
    return Posterior(mean - cost, covariance, variances.noise)


def _data(arms: Sequence[Arm]) -> _Data:
    parts = {part: at for at, part in enumerate(dict.fromkeys(part for arm in arms for part in arm.parts))}
    several = np.array([len(arm.rewards) > 1 for arm in arms], bool)
    own = np.cumsum(several) + len(parts)
    design = np.zeros((len(arms), 1 + len(parts) + int(several.sum())))
    design[:, 0] = 1.0
    for at, arm in enumerate(arms):
        design[at, [1 + parts[part] for part in arm.parts]] = 1.0
        if several[at]:
            design[at, own[at]] = 1.0
    told = [(at, reward, pair) for at, arm in enumerate(arms) for reward, pair in arm.rewards]
    places: dict[Hashable, int] = {}
    pairs = [
        places.setdefault(("alone", at) if pair is None else pair, len(places)) for at, (_, _, pair) in enumerate(told)
    ]
    arm_of = np.array([at for at, _, _ in told], np.intp)
    y = np.array([reward for _, reward, _ in told])
    return _Data(y, arm_of, np.array(pairs, np.intp), design, len(parts), several, ~several[arm_of])


def _fitted(data: _Data, variances: _Variances, total: float) -> _Fit:
    """Posterior of the latents, pairs and lone arms integrated out: V of a pair is D + tau_b^2 11', D diagonal."""
    spread = variances.noise + np.where(data.lone, variances.arm, 0.0)
    weight = 1 / spread
    ease = variances.pair / (1 + variances.pair * data.sums(weight))
    rows = data.design[data.arm]
    weighted = weight[:, None] * rows
    sums = data.sums(weighted)
    information = rows.T @ weighted - (sums.T * ease) @ sums
    evidence = weighted.T @ data.y - sums.T @ (ease * data.sums(weight * data.y))
    several = np.full(int(data.several.sum()), variances.arm)
    prior = np.concatenate([[FLAT * total], variances.part, several])
    covariance: Array = np.asarray(np.linalg.inv(information + np.diag(1 / prior)), np.float64)
    mean = covariance @ evidence
    off = data.y - rows @ mean
    pair, moves = ease * data.sums(weight * off), ease[:, None] * sums
    apart = rows - moves[data.pair]
    unsure = ((apart @ covariance) * apart).sum(-1) + ease[data.pair]
    return _Fit(mean, covariance, spread, pair, ease, moves, off - pair[data.pair], unsure, apart)


def _updated(data: _Data, fit: _Fit, old: _Variances, guess: _Variances) -> _Variances:
    """One step of EM: second moments of every effect, of a lone reward's rest shared between arm and noise."""
    second = fit.mean**2 + np.diag(fit.covariance)
    rest = fit.left**2 + fit.unsure
    both = np.where(data.lone, old.noise * old.arm / fit.spread, 0.0)
    noise = (old.noise / fit.spread) ** 2 * rest + both
    lone = ((old.arm / fit.spread) ** 2 * rest + both)[data.lone]
    unseen = len(data.several) - len(np.unique(data.arm))
    arms = np.concatenate([second[1 + data.parts :], lone, np.full(unseen, old.arm)])
    pairs = fit.pair**2 + fit.pair_spread + ((fit.pair_moves @ fit.covariance) * fit.pair_moves).sum(-1)
    return _Variances(
        _mixed(noise, guess.noise),
        _mixed(pairs, guess.pair),
        (second[1 : 1 + data.parts] + WEIGHT * guess.part) / (1 + WEIGHT),
        _mixed(arms, guess.arm),
    )


def _means(data: _Data, fit: _Fit, variances: _Variances) -> tuple[Array, Array]:
    """Mean (arms,) and covariance (arms, arms) of the arms' means; a lone arm's own effect follows from its reward."""
    mean, rows = data.design @ fit.mean, data.design.copy()
    at, pair = data.arm[data.lone], data.pair[data.lone]
    share = variances.arm / fit.spread[data.lone]
    mean[at] += share * fit.left[data.lone]
    rows[at] -= share[:, None] * fit.apart[data.lone]
    covariance = rows @ fit.covariance @ rows.T
    covariance[np.ix_(at, at)] += np.where(pair[:, None] == pair, np.outer(share, share) * fit.pair_spread[pair], 0.0)
    own = np.where(data.several, 0.0, variances.arm)
    own[at] = variances.noise * share
    return mean, covariance + np.diag(own)


def _mixed(second: Array, guess: float) -> float:
    return float((second.sum() + WEIGHT * guess) / (len(second) + WEIGHT))
