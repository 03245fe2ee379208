"""What all rewards say of each arm, where arms share parts and pulls share a request: one normal model of everything.

    y = mu + sum of w_p over the arm's parts + u_arm + b_pair + e

An arm's parts are the sentences of its instruction, so evidence about a sentence counts for every arm that holds it; a
pair is a request with a picture seed, whose ease is common to all arms drawn for it. Arms and pairs are normal about 0.
Parts are Student t about a small cost: of many that do next to nothing some look good by luck, and tails keep the few
that do much unshrunk. Variances are estimated by EM on the marginal likelihood (Dempster, Laird and Rubin 1977; Laird
and Ware, Biometrics 38, 1982), each with a few draws' worth of a guess, so that none is ever 0.

Most arms are drawn once and never again. What such an arm is worth beyond its parts is integrated out exactly: it is
one more cause of its only reward's error, so that the matrix to be inverted grows with the arms that came back, not
with all. No matrix is arms x arms: memory grows with (arms + pairs) x latents, the latents being the distinct parts
and the arms with several rewards, and time with rewards x latents^2.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence
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
_AT_ONCE = 1 << 19
"""Numbers in the rows that are made of rewards at a time: there are rewards x latents of them, too many to hold."""


class Posterior(NamedTuple):
    """Of the arms' means, in the order of the arms: normal, held as what makes them vary, not as arms x arms.

    mean (arms,). rows (arms, latents): how each follows the latents, of which `latents` (latents, latents) is the
    covariance. own (arms,): variance of what an arm shares with none. pair (arms,): position of the pair of an arm's
    only reward, -1 for other arms. ease (arms,): how far what is not known of that pair moves the mean, in standard
    deviations.
    """

    mean: Array
    rows: Array
    latents: Array
    own: Array
    pair: NDArray[np.intp]
    ease: Array
    noise: float

    @property
    def error(self) -> Array:
        """Standard deviation of each arm's mean."""
        return np.sqrt(np.maximum(_spreads(self.rows, self.latents) + self.own + self.ease**2, 0.0))

    def error_between(self, arm: int, other: int) -> float:
        """Standard deviation of the difference of two arms' means."""
        if arm == other:
            return 0.0
        apart = self.rows[arm] - self.rows[other]
        beside = self.pair[arm] == self.pair[other] >= 0
        first, second = self.ease[[arm, other]]
        pair = (first - second) ** 2 if beside else first**2 + second**2
        variance = float(apart @ self.latents @ apart + self.own[arm] + self.own[other] + pair)
        return math.sqrt(max(variance, 0.0))


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

    def of_arms(self, values: Array) -> Array:
        """Sums (arms,) over each arm of `values` (n,)."""
        return np.bincount(self.arm, values, len(self.design)).astype(np.float64)

    def of_pairs(self, values: Array) -> Array:
        """Sums (pairs,) over each pair of `values` (n,)."""
        return np.bincount(self.pair, values).astype(np.float64)

    def rows_of_pairs(self, weight: Array) -> Array:
        """Sums (pairs, latents) over each pair of the rewards' rows, each times its `weight` (n,)."""
        order = np.argsort(self.pair, kind="stable")
        starts = np.flatnonzero(np.diff(self.pair[order], prepend=-1))
        arm, weight = self.arm[order], weight[order, None]
        sums = np.empty((len(starts), self.design.shape[1]))
        for some in _pieces(sums.shape[1], len(order)):
            sums[:, some] = np.add.reduceat(weight * self.design[arm, some], starts)
        return sums


class _Fit(NamedTuple):
    """What one set of variances makes of the data.

    mean (latents,), covariance (latents, latents): of mu, parts and arms with several rewards.
    spread (n,): variance of a reward about latents and pair; a lone reward's holds its arm's own effect.
    pair (pairs,), pair_spread (pairs,): each pair's effect, and its variance where the latents are known.
    pair_moves (pairs, latents): by how much less a pair's effect is for more of a latent.
    left (n,), unsure (n,): mean and variance of what latents and pair leave of a reward.
    """

    mean: Array
    covariance: Array
    spread: Array
    pair: Array
    pair_spread: Array
    pair_moves: Array
    left: Array
    unsure: Array


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
    found = _means(data, _fitted(data, variances, total), variances)
    return found._replace(mean=found.mean - cost)


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
    ease = variances.pair / (1 + variances.pair * data.of_pairs(weight))
    sums = data.rows_of_pairs(weight)
    moves = ease[:, None] * sums
    information = data.design.T @ (data.of_arms(weight)[:, None] * data.design) - sums.T @ moves
    evidence = data.design.T @ data.of_arms(weight * data.y) - moves.T @ data.of_pairs(weight * data.y)
    several = np.full(int(data.several.sum()), variances.arm)
    prior = np.concatenate([[FLAT * total], variances.part, several])
    covariance: Array = np.asarray(np.linalg.inv(information + np.diag(1 / prior)), np.float64)
    mean = covariance @ evidence
    off = data.y - (data.design @ mean)[data.arm]
    pair = ease * data.of_pairs(weight * off)
    unsure = ease[data.pair]
    for some in _pieces(len(data.y), len(mean)):
        unsure[some] += _spreads(data.design[data.arm[some]] - moves[data.pair[some]], covariance)
    return _Fit(mean, covariance, spread, pair, ease, moves, off - pair[data.pair], unsure)


def _updated(data: _Data, fit: _Fit, old: _Variances, guess: _Variances) -> _Variances:
    """One step of EM: second moments of every effect, of a lone reward's rest shared between arm and noise."""
    second = fit.mean**2 + np.diag(fit.covariance)
    rest = fit.left**2 + fit.unsure
    both = np.where(data.lone, old.noise * old.arm / fit.spread, 0.0)
    noise = (old.noise / fit.spread) ** 2 * rest + both
    lone = ((old.arm / fit.spread) ** 2 * rest + both)[data.lone]
    unseen = len(data.several) - len(np.unique(data.arm))
    arms = np.concatenate([second[1 + data.parts :], lone, np.full(unseen, old.arm)])
    pairs = fit.pair**2 + fit.pair_spread + _spreads(fit.pair_moves, fit.covariance)
    return _Variances(
        _mixed(noise, guess.noise),
        _mixed(pairs, guess.pair),
        (second[1 : 1 + data.parts] + WEIGHT * guess.part) / (1 + WEIGHT),
        _mixed(arms, guess.arm),
    )


def _means(data: _Data, fit: _Fit, variances: _Variances) -> Posterior:
    """The posterior of the arms' means; a lone arm's own effect follows from its reward."""
    mean, rows = data.design @ fit.mean, data.design.copy()
    at, beside = data.arm[data.lone], data.pair[data.lone]
    share = variances.arm / fit.spread[data.lone]
    mean[at] += share * fit.left[data.lone]
    for some in _pieces(len(at), rows.shape[1]):
        rows[at[some]] -= share[some, None] * (data.design[at[some]] - fit.pair_moves[beside[some]])
    own = np.where(data.several, 0.0, variances.arm)
    own[at] = variances.noise * share
    pair, ease = np.full(len(mean), -1, np.intp), np.zeros(len(mean))
    pair[at], ease[at] = beside, share * np.sqrt(fit.pair_spread[beside])
    return Posterior(mean, rows, fit.covariance, own, pair, ease, variances.noise)


def _spreads(rows: Array, covariance: Array) -> Array:
    """Variance of each row's sum of effects that have this covariance."""
    spreads = np.empty(len(rows))
    for some in _pieces(*rows.shape):
        spreads[some] = ((rows[some] @ covariance) * rows[some]).sum(-1)
    return spreads


def _pieces(rows: int, width: int) -> Iterator[slice]:
    """Slices that cover so many rows of that width, `_AT_ONCE` numbers at a time."""
    step = max(_AT_ONCE // max(width, 1), 1)
    return (slice(at, at + step) for at in range(0, rows, step))


def _mixed(second: Array, guess: float) -> float:
    return float((second.sum() + WEIGHT * guess) / (len(second) + WEIGHT))
