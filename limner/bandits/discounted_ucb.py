"""Discounted UCB, for rewards that drift: old rewards fade, so an arm left alone becomes unknown again.

Garivier and Moulines, ALT 2011 (arXiv 0805.3415), equation 1, with the bonus in units of the observed noise.
"""

from __future__ import annotations

from typing import ClassVar

from limner.bandits.ucb import Ucb


class DiscountedUcb(Ucb):
    """Index X_i + s * c * sqrt(ln n / N_i), N_i the sum of gamma^age over the arm's rewards, n that of N_i."""

    name: ClassVar[str] = "discounted-ucb"

    def __init__(self, seed: int, gamma: float = 0.97, c: float = 0.5) -> None:
        """Leave a share `gamma` in (0, 1] of each reward's weight at the next one: a memory of 1 / (1 - gamma).

        `c` is smaller than in `Ucb`: with so short a memory a wide bonus pulls all arms alike.
        """
        super().__init__(seed, c)
        if not 0 < gamma <= 1:
            raise ValueError(f"the share of weight kept, gamma, is {gamma!r}; give a number above 0, at most 1")
        self.gamma = gamma

    def _parameters(self) -> dict[str, float]:
        return {**super()._parameters(), "gamma": self.gamma}
