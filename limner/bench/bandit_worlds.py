"""The worlds of `limner bench bandit`: arms' means and rewards, the same for every policy. numpy alone.

A world holds for each arm the rewards of its first, second, ... pull, so two policies that pull an arm equally often
have seen the same rewards (common random numbers). Worlds come in blocks, each from a seed of its own, so any block can
be made again anywhere; the script that plays MABWiser loads this file by path.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PULLS = 150
BLOCK = 250
"""Worlds in a block: their arrays fit in a core's cache."""

HPS_MEAN, HPS_SPREAD, HPS_NOISE = 0.272, 0.006, 0.012
SCALE = 0.12
"""HPS-like rewards divided by this, about one half, fill [0, 1]: nine standard deviations of a reward."""

ARRIVALS = (0, 0, 0, 0, 25, 25, 50, 50, 75, 75, 100, 100)
KINSHIP = 0.7
"""Correlation of a child's mean with its parent's where arms arrive; policies are not told."""

DRIFT_EVERY = 50
FIRST_SEED = 20_240_608


@dataclass(frozen=True, slots=True)
class Setting:
    """One kind of world.

    means: draws (worlds, arms) from a generator.
    noise: standard deviation of a normal reward; None for Bernoulli rewards.
    arrivals: pulls made before each arm comes into play, in order; those that come later are children.
    segments: how often all means are drawn anew, evenly over the pulls.
    """

    name: str
    says: str
    means: Callable[[np.random.Generator, int], NDArray[np.float64]]
    noise: float | None
    arrivals: tuple[int, ...]
    segments: int = 1

    @property
    def arms(self) -> int:
        """Arms in all."""
        return len(self.arrivals)

    def parents(self) -> NDArray[np.intp]:
        """Position of each arm's parent: of an arm that arrives, one of those before it; -1 for the first ones."""
        first = self.arrivals.count(0)
        return np.array([at - first if at >= first else -1 for at in range(self.arms)], np.intp)


class Block:
    """Worlds of one setting, from one seed."""

    def __init__(self, setting: Setting, number: int, worlds: int = BLOCK) -> None:
        """Make block `number`."""
        rng = np.random.default_rng([FIRST_SEED, number, setting.arms, setting.segments])
        self.setting = setting
        self.means = np.stack([setting.means(rng, worlds) for _ in range(setting.segments)], -1)
        shape = (worlds, setting.arms, PULLS)
        self._luck = rng.random(shape) if setting.noise is None else rng.standard_normal(shape)
        self._worlds = np.arange(worlds)

    def reward(self, arm: NDArray[np.intp], pulls: NDArray[np.intp], t: int) -> NDArray[np.float64]:
        """Of arm `arm` in each world, pulled `pulls` times before, after `t` pulls in all."""
        mean = self.means_at(t)[self._worlds, arm]
        luck = self._luck[self._worlds, arm, pulls]
        return np.asarray(luck < mean, float) if self.setting.noise is None else mean + self.setting.noise * luck

    def reward_of(self, world: int, arm: int, pulls: int, t: int) -> float:
        """The same of one world."""
        mean, luck = float(self.means_at(t)[world, arm]), float(self._luck[world, arm, pulls])
        return float(luck < mean) if self.setting.noise is None else mean + self.setting.noise * luck

    def means_at(self, t: int) -> NDArray[np.float64]:
        """(worlds, arms) after `t` pulls."""
        return self.means[..., min(t * self.setting.segments // PULLS, self.setting.segments - 1)]

    def regret(self, arm: NDArray[np.intp], t: int) -> NDArray[np.float64]:
        """Shortfall of arm `arm` of each world beside its best arm of those that have come, after `t` pulls."""
        means = self.means_at(t)[:, : self.come(t)]
        return np.asarray(means.max(-1) - means[self._worlds, arm])

    def come(self, t: int) -> int:
        """Arms that have come into play after `t` pulls."""
        return sum(arrival <= t for arrival in self.setting.arrivals)


Means = Callable[[np.random.Generator, int], NDArray[np.float64]]


def _hps(arms: int, scale: float = 1.0, centre: float = HPS_MEAN) -> Means:
    return lambda rng, worlds: rng.normal(centre, HPS_SPREAD / scale, (worlds, arms))


def _families(rng: np.random.Generator, worlds: int) -> NDArray[np.float64]:
    means = rng.normal(0.0, 1.0, (worlds, len(ARRIVALS)))
    first = ARRIVALS.count(0)
    for child in range(first, len(ARRIVALS)):
        means[:, child] = KINSHIP * means[:, child - first] + np.sqrt(1 - KINSHIP**2) * means[:, child]
    return np.asarray(HPS_MEAN + HPS_SPREAD * means)


def _uniform(rng: np.random.Generator, worlds: int) -> NDArray[np.float64]:
    return rng.random((worlds, 12))


def _rare(rng: np.random.Generator, worlds: int) -> NDArray[np.float64]:
    return rng.beta(1.0, 9.0, (worlds, 12))


SETTINGS = {
    setting.name: setting
    for setting in (
        Setting("hps_12", "12 arms ~ N(0.272, 0.006), noise 0.012", _hps(12), HPS_NOISE, (0,) * 12),
        Setting("hps_30", "30 arms ~ N(0.272, 0.006), noise 0.012", _hps(30), HPS_NOISE, (0,) * 30),
        Setting("unit", "12 arms ~ N(0.5, 0.05), noise 0.1", _hps(12, SCALE, 0.5), HPS_NOISE / SCALE, (0,) * 12),
        Setting("bernoulli", "12 arms, success ~ U(0, 1)", _uniform, None, (0,) * 12),
        Setting("bernoulli_rare", "12 arms, success ~ Beta(1, 9)", _rare, None, (0,) * 12),
        Setting("arriving", "4 arms, then 2 children every 25 pulls; hps_12's scale", _families, HPS_NOISE, ARRIVALS),
        Setting("unrelated", "as arriving, but children resemble no one", _hps(12), HPS_NOISE, ARRIVALS),
        Setting(
            "drift", "hps_12, all means drawn anew every 50 pulls", _hps(12), HPS_NOISE, (0,) * 12, PULLS // DRIFT_EVERY
        ),
    )
}
