"""How a run of previews went: what was shown, which paths were ended, and the steps that were carried out.

The pictures themselves are calls of their own; a course says which of them there are, and in which order.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from limner.types import Steps


@dataclass(frozen=True, slots=True)
class Stop:
    """Previews of one step, in order of `paths`; then these were `dropped`, `spent` steps in all were carried out."""

    step: int
    paths: tuple[int, ...]
    dropped: tuple[int, ...]
    spent: int


@dataclass(frozen=True, slots=True)
class Course:
    """A run over some paths, which are counted from 0: its stops, and for each path its steps, and whether it ended."""

    stops: tuple[Stop, ...]
    steps: tuple[Steps, ...]
    ended: tuple[bool, ...]

    def pictures(self, free: Collection[int] = ()) -> int:
        """Pictures' worth of drawing, rounded up: one for each finished path, its share of the steps for another.

        Args:
            free: paths that failed, which cost nothing.
        """
        paid = [one for path, one in enumerate(self.steps) if path not in free and one.needed]
        return math.ceil(sum(Fraction(one.spent, one.needed) for one in paid))

    @classmethod
    def read(cls, fields: dict[str, Any]) -> Course:
        """From what `dataclasses.asdict` gave, by way of JSON."""
        stops = (Stop(one["step"], tuple(one["paths"]), tuple(one["dropped"]), one["spent"]) for one in fields["stops"])
        return cls(tuple(stops), tuple(Steps(*one) for one in fields["steps"]), tuple(fields["ended"]))
