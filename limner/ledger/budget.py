"""The budget: a contract about what a session may cost, and the arithmetic that keeps it.

Money is counted in whole pico-dollars (1e-12 USD), because three times 0.1 must fit into 0.3 and a token can cost less
than a micro-dollar.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from operator import attrgetter

from limner.errors import UsageError

PICO = 10**12
"""Units of money to the dollar; SQLite's 64-bit integers hold nine million dollars of them."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of a session over all its processes; None is no limit.

    pictures: drawn and edited. model_calls: chat turns and vision answers. tokens: in and out, of chat turns.
    money_usd: by the models' terms; a model without a price is refused unless `allow_unknown_price`. seconds: active
    wall time; no call starts after it, so a run overruns it by one batch at most.
    """

    pictures: int | None = None
    model_calls: int | None = None
    tokens: int | None = None
    money_usd: float | None = None
    seconds: float | None = None
    allow_unknown_price: bool = False

    def __post_init__(self) -> None:
        """Refuse limits under which nothing could ever run."""
        for name in ("pictures", "model_calls", "tokens", "money_usd", "seconds"):
            limit = getattr(self, name)
            if limit is not None and not (limit > 0 and math.isfinite(limit)):
                raise UsageError(f"the budget for {name} must be above 0, got {limit!r}; leave it out for no limit")


@dataclass(frozen=True, slots=True)
class Charge:
    """What a call costs or a group of calls cost, in countable units."""

    pictures: int = 0
    model_calls: int = 0
    tokens: int = 0
    money: int = 0
    scores: int = 0
    unknown_price: int = 0

    def __add__(self, other: Charge) -> Charge:
        return Charge(
            pictures=self.pictures + other.pictures,
            model_calls=self.model_calls + other.model_calls,
            tokens=self.tokens + other.tokens,
            money=self.money + other.money,
            scores=self.scores + other.scores,
            unknown_price=self.unknown_price + other.unknown_price,
        )


UNITS = tuple(unit.name for unit in fields(Charge))
"""What a charge counts, in order."""
units_of = attrgetter(*UNITS)
"""The numbers of a charge, in order."""


def total(charges: Iterable[Charge]) -> Charge:
    """All of these charges together."""
    return Charge(*map(sum, zip(*map(units_of, charges), strict=True)))


def to_pico(usd: float) -> int:
    """Dollars as whole pico-dollars."""
    return round(usd * PICO)


def to_usd(money: int) -> float:
    """Pico-dollars as dollars."""
    return money / PICO


def exceeded(budget: Budget, spent: Charge, need: Charge) -> str | None:
    """The first resource whose limit `need` would exceed on top of `spent`, or None if all fits.

    What is not needed cannot be short: a chat turn is not refused because all pictures are drawn.
    """
    limits = {
        "pictures": (budget.pictures, spent.pictures, need.pictures),
        "model_calls": (budget.model_calls, spent.model_calls, need.model_calls),
        "tokens": (budget.tokens, spent.tokens, need.tokens),
        "money_usd": (None if budget.money_usd is None else to_pico(budget.money_usd), spent.money, need.money),
    }
    for name, (limit, used, more) in limits.items():
        if limit is not None and more > 0 and used + more > limit:
            return name
    return None
