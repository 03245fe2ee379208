"""What each feature of a prompt is worth, from prompts and scores alone.

Bayesian linear regression within queries: rewards and features are taken relative to their mean for the same request,
so that easy and hard requests do not pass for good and bad wording; features that always come together share the
credit; and what was never varied keeps the prior, whose width is what makes the critic try it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from limner.agents.catalogue import CATALOGUE
from limner.agents.features import Sight
from limner.agents.parser import parse
from limner.agents.protocols import Contrast, Trial

Array = NDArray[np.float64]
PRIOR = 0.2
"""Width of an effect's prior in standard deviations of the rewards: most wordings do next to nothing."""
TAILS = 2.0
"""Degrees of freedom of the prior: its heavy tails let the few strong effects stand unshrunk."""
COST = 0.2
"""What a sentence is believed to cost until it shows its worth, in the same unit: it takes words from what is asked."""
_ROUNDS = 6
_REMEMBERED = 8192
_INDEX = {directive.id: at for at, directive in enumerate(CATALOGUE)}


class Estimate(NamedTuple):
    """An effect on the reward and its standard error."""

    mean: float
    error: float


@dataclass(frozen=True, slots=True)
class Effects:
    """The posterior over the effects of all directives: normal, with this mean and covariance."""

    mean: Array
    covariance: Array

    def of(self, gains: Sequence[str], losses: Sequence[str] = ()) -> Estimate:
        """What it is worth to gain some features and lose others."""
        weights = _weights(gains, losses)
        variance = float(weights @ self.covariance @ weights)
        return Estimate(float(weights @ self.mean), max(variance, 0.0) ** 0.5)

    def drawn(self, rng: np.random.Generator) -> Effects:
        """One draw from the posterior as if it were the truth (Thompson sampling)."""
        values = rng.multivariate_normal(self.mean, self.covariance, method="eigh")
        return Effects(values, np.zeros_like(self.covariance))


def effects(history: Sequence[Trial], contrasts: Sequence[Contrast]) -> Effects:
    """Estimate all effects. Contrasts weigh beside the history: each is one more difference within a query."""
    rows, rewards = _differences(history, contrasts)
    size = len(CATALOGUE)
    spread = float(np.sqrt(np.mean(rewards**2))) if len(rewards) else 0.0
    if spread == 0.0:
        return Effects(np.zeros(size), np.eye(size))
    noise = spread**2
    usual: Array = np.full(size, -COST * spread)
    rewards = rewards - rows @ usual
    widths: Array = np.full(size, (PRIOR * spread) ** 2)
    mean: Array = np.zeros(size)
    covariance: Array = np.eye(size)
    for _ in range(_ROUNDS):
        # Expectation-maximisation for a Student t prior: each effect's own width, and the noise, follow from the fit.
        covariance = np.asarray(np.linalg.inv(rows.T @ rows / noise + np.diag(1 / widths)), np.float64)
        mean = covariance @ rows.T @ rewards / noise
        fitted = size - float(np.sum(np.diag(covariance) / widths))
        widths = (TAILS * (PRIOR * spread) ** 2 + mean**2 + np.diag(covariance)) / (TAILS + 1)
        noise = max(float(np.sum((rewards - rows @ mean) ** 2)) / max(len(rewards) - fitted, 1.0), 0.01 * spread**2)
    return Effects(usual + mean, covariance)


def _weights(gains: Sequence[str], losses: Sequence[str]) -> Array:
    weights = np.zeros(len(CATALOGUE))
    weights[[_INDEX[name] for name in gains]] += 1.0
    weights[[_INDEX[name] for name in losses]] -= 1.0
    return weights


def _differences(history: Sequence[Trial], contrasts: Sequence[Contrast]) -> tuple[Array, Array]:
    """Features and rewards relative to the mean of their query, and each contrast's difference over the root of two."""
    rows: list[Array] = [np.zeros((0, len(CATALOGUE)))]
    rewards: list[Array] = [np.zeros(0)]
    groups: dict[str, list[Trial]] = defaultdict(list)
    for trial in history:
        groups[trial.query.id].append(trial)
    for trials in groups.values():
        shown = np.array([_shown(trial) for trial in trials])
        got = np.array([trial.reward for trial in trials])
        rows.append(shown - shown.mean(axis=0))
        rewards.append(got - got.mean())
    for worst, best in ((pair.worst, pair.best) for pair in contrasts):
        rows.append((_shown(best) - _shown(worst))[None] / np.sqrt(2))
        rewards.append(np.array([best.reward - worst.reward]) / np.sqrt(2))
    return np.concatenate(rows), np.concatenate(rewards)


def _shown(trial: Trial) -> Array:
    return _features(trial.query.text, trial.prompt.text)


@lru_cache(maxsize=_REMEMBERED)
def _features(query: str, prompt: str) -> Array:
    """What a prompt shows of each directive, as 0 or 1; every round of a run asks again about the rounds before it."""
    sight = Sight(prompt, prompt.lower(), parse(prompt), parse(query))
    return np.array([float(directive.feature(sight)) for directive in CATALOGUE])
