"""What a run would cost at most, without a single call: `--dry-run`."""

from __future__ import annotations

from dataclasses import dataclass

from limner.graph.options import Prepared
from limner.graph.planning import affordable, fitted
from limner.results import COLUMNS


@dataclass(frozen=True, slots=True)
class Estimate:
    """Upper bounds in pictures by phase; money where the price of a picture is known (local models cost nothing)."""

    generator: str
    rounds: int
    pictures_per_round: int
    search: int
    validation: int
    held_out: int
    total: int
    budget_pictures: int | None
    money_usd: float | None


def estimate(prepared: Prepared) -> Estimate:
    """The most that a run can draw: a full pool, children and professional prompts in every round."""
    search, models = prepared.settings.evolve, prepared.settings.models
    price = models.price_per_picture if models.generator.startswith("images:") else 0.0
    budget = affordable(prepared.settings.budget, price)
    queries = min(search.batch, len(prepared.queries.search))
    arms = search.pool - 1 + search.children
    per_round = (arms + search.professionals) * queries
    first = (1 + search.professionals) * queries
    final = fitted(search, prepared.queries, budget)
    validation = final.validation * (search.finalists + 1)
    held_out = final.held_out * len(COLUMNS)
    searched = first + per_round * (search.rounds - 1)
    if budget is not None:
        searched = min(searched, max(budget - validation - held_out, 0))
    total = searched + validation + held_out
    return Estimate(
        generator=models.generator,
        rounds=search.rounds,
        pictures_per_round=per_round,
        search=searched,
        validation=validation,
        held_out=held_out,
        total=total,
        budget_pictures=prepared.settings.budget.pictures,
        money_usd=None if price is None else price * total,
    )
