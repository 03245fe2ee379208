"""UCB1 with its bonus in units of the rewards' own noise.

UCB1 (Auer, Cesa-Bianchi and Fischer 2002) adds sqrt(2 ln t / n_i) to rewards that fill [0, 1]. Scores of pictures
differ by a few thousandths (HPS v2: arms 0.006 apart, noise 0.012); beside them that bonus is so large that UCB1 pulls
all arms alike. Scaled to the observed noise, the choices do not depend on the rewards' scale or origin.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from limner.bandits.policy import Policy
from limner.bandits.seen import Array, Seen


class Ucb(Policy):
    """Index mean_i + s * c * sqrt(ln t / n_i).

    s^2 is the variance within arms, pooled over arms, with the variance of all rewards counted as one more degree of
    freedom. So while no arm has two rewards the spread between arms stands in for the noise (too large rather than too
    small: it explores), and it fades as arms are pulled again. With c = sqrt(2) the index is the upper bound of a mean
    of n_i rewards of noise s at confidence 1 - 1/t (Auer's is at 1 - 1/t^4 for the widest noise that fits [0, 1]).
    """

    name: ClassVar[str] = "ucb"

    def __init__(self, seed: int, c: float = math.sqrt(2)) -> None:
        """Explore more with a larger `c` (0 or above; 0 is greedy)."""
        super().__init__(seed)
        if not 0 <= c < math.inf:
            raise ValueError(f"the width of the bonus, c, is {c!r}; give a finite number of 0 or more")
        self._c = c

    def _parameters(self) -> dict[str, float]:
        return {"c": self._c}

    def index(self, seen: Seen, rng: np.random.Generator) -> Array:
        """mean_i + s * c * sqrt(ln t / n_i)."""
        return seen.means + self._c * np.sqrt(seen.noise() * np.log(seen.t) / seen.counts)
