"""Knowledge gradient: pull the arm whose next reward is expected to improve the final choice most.

Frazier, Powell and Dayanik, SIAM J. Control Optim. 47 (2008), equations 4.4 and 4.6, for independent normal means whose
prior and noise are known: the floor that policies without that knowledge are measured against. Values are compared as
logarithms, because those of hopeless arms underflow.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from limner.bandits.policy import Policy
from limner.bandits.prior import Belief, Prior, believe
from limner.bandits.seen import Array, Seen

_ERFC = (
    -1.26551223,
    1.00002368,
    0.37409196,
    0.09678418,
    -0.18628806,
    0.27886807,
    -1.13520398,
    1.48851587,
    -0.82215223,
    0.17087277,
)
"""ln(erfc(z) exp(z^2) / t) in powers of t = 1 / (1 + z / 2), relative error 1.2e-7 (Numerical Recipes, section 6.2)."""

_FAR = 12.0
"""Beyond this the closed form of f loses its digits and the first terms of its expansion are better."""


class KnowledgeGradient(Policy):
    """Index ln(sigma~_i f(zeta_i)) with f(z) = z Phi(z) + phi(z).

    sigma~_i is the standard deviation of the change of arm i's posterior mean by one reward, and zeta_i = -|mu_i - the
    best of the others' mu| / sigma~_i. The final choice, and survival, go by the posterior mean mu_i.
    """

    name: ClassVar[str] = "knowledge-gradient"

    def __init__(self, seed: int, mean: float, spread: float, noise: float) -> None:
        """Be told that arms' means are N(`mean`, `spread`^2) and rewards have standard deviation `noise`."""
        super().__init__(seed)
        if not (math.isfinite(mean) and 0 < spread < math.inf and 0 < noise < math.inf):
            raise ValueError(f"prior and noise are {(mean, spread, noise)!r}; give finite ones, the last two above 0")
        self._told = mean, spread, noise

    def _parameters(self) -> dict[str, float]:
        return dict(zip(("mean", "spread", "noise"), self._told, strict=True))

    def index(self, seen: Seen, rng: np.random.Generator) -> Array:
        """ln(sigma~_i f(zeta_i)); fewest pulls first while rewards have shown no spread."""
        prior = self._prior(seen)
        belief = self._belief(seen, prior, seen.pulls)
        total = belief.variance + prior.noise
        sigma = belief.variance / np.sqrt(np.where(total > 0, total, 1.0))
        lead = _lead(np.where(seen.in_play, belief.mean, -np.inf))
        varied = sigma > 0
        sigma = np.where(varied, sigma, 1.0)
        value = np.log(sigma) + _log_f(np.where(np.isfinite(lead), lead, 0.0) / sigma)
        return np.where(varied, value, -seen.pulls)

    def standing(self, seen: Seen, rng: np.random.Generator) -> Array:
        """mu_i: arms are pulled to learn of them."""
        return self.merit(seen)

    def merit(self, seen: Seen) -> Array:
        """mu_i, which trusts many rewards more than few."""
        return self._belief(seen, self._prior(seen), seen.n).mean

    def _prior(self, seen: Seen) -> Prior:
        mean, spread, noise = (np.full((*seen.n.shape[:-1], 1), value) for value in self._told)
        return Prior(mean, spread**2, noise**2)

    def _belief(self, seen: Seen, prior: Prior, n: Array) -> Belief:
        return believe(seen, prior, 0.0, n)


def _lead(means: Array) -> Array:
    """|mu_i - max of the others' mu|; infinite where there is no other."""
    best = means.argmax(-1)[..., None]
    others = means.copy()
    np.put_along_axis(others, best, -np.inf, -1)
    rival = np.broadcast_to(np.take_along_axis(means, best, -1), means.shape).copy()
    np.put_along_axis(rival, best, others.max(-1, keepdims=True), -1)
    return np.abs(np.where(np.isfinite(means), means, 0.0) - rival)


def _log_f(z: Array) -> Array:
    """ln(phi(z) - z Phi(-z)), which is ln f(-z), for z of 0 or more."""
    t = 1 / (1 + z / math.sqrt(8))
    exponent = np.polynomial.polynomial.polyval(t, _ERFC)
    mills = math.sqrt(math.pi / 2) * t * np.exp(exponent)
    near = 1 - np.minimum(z, _FAR) * mills
    far = 1 / (np.maximum(z, 1.0) ** 2 + 3)
    return -z * z / 2 - math.log(2 * math.pi) / 2 + np.log(np.where(z < _FAR, near, far))
