"""What all rewards say of each arm, where arms share parts and pulls share a request: one normal model of everything.

    y = mu + sum of w_p over the arm's parts + u_arm + b_pair + e

An arm's parts are the sentences of its instruction, so evidence about a sentence counts for every arm that holds it; a
pair is a request with a picture seed, whose ease is common to all arms drawn for it. Arms and pairs are normal about 0.
Parts are Student t about a small cost: of many that do next to nothing some look good by luck, and tails keep the few
that do much unshrunk. Variances are estimated by EM on the marginal likelihood (Dempster, Laird and Rubin 1977; Laird
and Ware, Biometrics 38, 1982), each with a few draws' worth of a guess, so that none is ever 0.
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
    """Rewards y, their arms and pairs (positions), and the design: mu, parts and arms of each arm (arms, latents)."""

    y: Array
    arm: NDArray[np.intp]
    pair: NDArray[np.intp]
    design: Array
    parts: int


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
        mean, covariance = _latents(data, variances, total)
        variances = _updated(data, mean, covariance, variances, guess)
    mean, covariance = _latents(data, variances, total)
    return Posterior(data.design @ mean - cost, data.design @ covariance @ data.design.T, variances.noise)


def _data(arms: Sequence[Arm]) -> _Data:
    parts = {part: at for at, part in enumerate(dict.fromkeys(part for arm in arms for part in arm.parts))}
    design = np.zeros((len(arms), 1 + len(parts) + len(arms)))
    design[:, 0] = 1.0
    for at, arm in enumerate(arms):
        design[at, [1 + parts[part] for part in arm.parts]] = 1.0
        design[at, 1 + len(parts) + at] = 1.0
    told = [(at, reward, pair) for at, arm in enumerate(arms) for reward, pair in arm.rewards]
    places: dict[Hashable, int] = {}
    pairs = [
        places.setdefault(("alone", at) if pair is None else pair, len(places)) for at, (_, _, pair) in enumerate(told)
    ]
    y = np.array([reward for _, reward, _ in told])
    return _Data(y, np.array([at for at, _, _ in told], np.intp), np.array(pairs, np.intp), design, len(parts))


def _latents(data: _Data, variances: _Variances, total: float) -> tuple[Array, Array]:
    """Posterior of mu, w and u, the pairs integrated out: V of a pair is s^2 I + tau_b^2 11'."""
    count = np.bincount(data.pair)
    shrink = variances.pair / (variances.noise + count * variances.pair)
    rows = data.design[data.arm]
    sums = np.zeros((len(count), rows.shape[1]))
    np.add.at(sums, data.pair, rows)
    totals = np.bincount(data.pair, data.y)
    information = (rows.T @ rows - (sums.T * shrink) @ sums) / variances.noise
    evidence = (rows.T @ data.y - sums.T @ (shrink * totals)) / variances.noise
    arms = len(data.design)
    prior = np.concatenate([[FLAT * total], variances.part, np.full(arms, variances.arm)])
    covariance: Array = np.asarray(np.linalg.inv(information + np.diag(1 / prior)), np.float64)
    return covariance @ evidence, covariance


def _updated(data: _Data, mean: Array, covariance: Array, old: _Variances, guess: _Variances) -> _Variances:
    """One step of EM."""
    second = mean**2 + np.diag(covariance)
    rows = data.design[data.arm]
    left = data.y - rows @ mean
    count = np.bincount(data.pair)
    shrink = old.pair / (old.noise + count * old.pair)
    pair = shrink * np.bincount(data.pair, left)
    sums = np.zeros((len(count), rows.shape[1]))
    np.add.at(sums, data.pair, rows)
    apart = rows - (shrink[:, None] * sums)[data.pair]
    unsure = ((apart @ covariance) * apart).sum(-1)
    own = old.noise * shrink
    noise = (left - pair[data.pair]) ** 2 + unsure + own[data.pair]
    both = shrink[:, None] * sums
    pairs = pair**2 + own + ((both @ covariance) * both).sum(-1)
    return _Variances(
        _mixed(noise, guess.noise),
        _mixed(pairs, guess.pair),
        (second[1 : 1 + data.parts] + WEIGHT * guess.part) / (1 + WEIGHT),
        _mixed(second[1 + data.parts :], guess.arm),
    )


def _mixed(second: Array, guess: float) -> float:
    return float((second.sum() + WEIGHT * guess) / (len(second) + WEIGHT))
