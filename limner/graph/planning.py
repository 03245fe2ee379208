"""The `plan` node: what is drawn next, or that nothing more is.

A run goes through three phases: search (rounds of fresh queries), validation (the final choice) and held-out (the final
table). Pictures for the last two are set aside from the start, so a search never eats the proof of its own worth.
"""

from __future__ import annotations

import random
from typing import Any, NamedTuple

from limner.errors import BudgetSpent, ModelError
from limner.graph.deps import EvolveDeps, QuerySets, derive
from limner.graph.state import PLAIN, PROFESSIONAL, Batch, EvolveState
from limner.ledger import Budget
from limner.results import COLUMNS
from limner.settings import BudgetSettings, EvolveSettings

VALIDATION_SHARE = 0.25
HELD_OUT_SHARE = 0.35
"""Shares of a budget of pictures that the final choice and the final table may take at most."""
ROUNDING = 1e-9
"""Three pictures at 0.1 fit into 0.3, whatever floating point makes of it."""
SURE = 0.95
"""The search ends early when the best instruction is the best with this probability and nothing new can be proposed."""

AMPLE = 2.0
"""How many rounds must fit into what is left for work on the next one to begin before it is due."""


class Sizes(NamedTuple):
    """Queries of the final choice and of the final table, after both were fitted into the budget."""

    validation: int
    held_out: int


def sizes(deps: EvolveDeps) -> Sizes:
    """The sizes of the last two phases of this run."""
    pictures = affordable(deps.ledger.budget, deps.generator.terms.price_per_call)
    return fitted(deps.settings, deps.queries, pictures)


def affordable(budget: Budget | BudgetSettings, price: float | None) -> int | None:
    """How many pictures a budget pays for, by their number and their price; None where neither limits them."""
    paid = [] if budget.money_usd is None or not price else [int(budget.money_usd / price + ROUNDING)]
    counted = [] if budget.pictures is None else [budget.pictures]
    return min(paid + counted, default=None)


def fitted(settings: EvolveSettings, queries: QuerySets, pictures: int | None) -> Sizes:
    """Fit the last two phases into a budget of pictures (None: no limit)."""
    validation = min(settings.validation, len(queries.validation))
    held_out = min(settings.held_out, len(queries.held_out))
    if pictures is None:
        return Sizes(validation, held_out)
    return Sizes(
        min(validation, int(VALIDATION_SHARE * pictures) // (settings.finalists + 1)),
        min(held_out, int(HELD_OUT_SHARE * pictures) // len(COLUMNS)),
    )


def plan(deps: EvolveDeps, state: EvolveState) -> dict[str, Any]:
    """Decide the next batch, or None when the run is over."""
    with deps.spans.plan() as span:
        update = _next(deps, state)
        batch = update["batch"]
        update["batches"] = state["batches"] + (batch is not None)
        span.set(round=update.get("round", state["round"]), phase=batch["phase"] if batch else "end")
    return update


def _next(deps: EvolveDeps, state: EvolveState) -> dict[str, Any]:
    if state["phase"] == "held_out":
        return _held_out(deps, state)
    reason = state["stop_reason"] or stop_reason(deps, state)
    if reason is None:
        number = state["round"] + 1
        return {"round": number, "batch": _batch(state, "search", state["pool"], fresh_queries(deps, number))}
    return {"stop_reason": reason, "phase": "validation", "batch": _validation(deps, state)}


def stop_reason(deps: EvolveDeps, state: EvolveState) -> str | None:
    """Why the search ends here, or None if it goes on.

    Raises:
        BudgetSpent: the budget does not allow even one round.
        ModelError: a round brought not one reward, so that there is nothing to learn from.
    """
    if state["spent"]:
        return f"budget: {state['spent']}"
    if state["round"] and not any(arm["pulls"] for arm in state["arms"].values()):
        raise _nothing_measured(state)
    if state["round"] >= deps.settings.rounds:
        return "rounds"
    if state["exhausted"] and _settled(deps, state):
        return "nothing left that could win"
    resource = _short_of(deps, state)
    if resource is None:
        return None
    if state["round"] == 0:
        raise BudgetSpent(
            resource,
            f"The budget of {resource} does not allow one round ({round_pictures(deps, state)} pictures at most) with "
            f"the final choice and table ({final_pictures(deps)}). Raise it, or lower the batch, the professional "
            "prompts, or the requests for validation and held out.",
        )
    return f"budget: {resource}"


def another_round(deps: EvolveDeps, state: EvolveState, *, drawn: bool = True) -> bool:
    """Whether another round follows this one, unless no child is left to be born.

    Generous where it cannot be known: as much as two rounds have taken so far must fit beside the pictures of the
    largest round that may follow, and beside those that are set aside. Where this round's pictures are still to be
    `drawn`, as much again as a round takes; in the first, of which nothing is known, nothing but pictures may be
    scarce.
    """
    known = state["round"] - (not drawn)
    if state["spent"] or state["round"] >= deps.settings.rounds or not (known or _only_pictures(deps.ledger.budget)):
        return False
    to_come = 1 if drawn else 2
    spent, share = deps.ledger.spend(), (AMPLE + to_come - 1) / max(1, known)
    largest = _pictures_of(deps, len(state["pool"]) + deps.settings.children)
    pictures = to_come * largest + final_pictures(deps)
    money = pictures * (deps.generator.terms.price_per_call or 0.0) + share * spent.money_usd
    resource = deps.ledger.short_of(
        pictures=pictures,
        model_calls=round(share * spent.model_calls),
        tokens=round(share * spent.tokens),
        money_usd=money,
    )
    left = deps.ledger.seconds_left()
    return resource is None and (left is None or left >= share * spent.seconds)


def _only_pictures(budget: Budget) -> bool:
    """Whether nothing but pictures is limited, if anything is."""
    return (budget.model_calls, budget.tokens, budget.money_usd, budget.seconds) == (None,) * 4


def _nothing_measured(state: EvolveState) -> ModelError:
    counted = ", ".join(f"{count} {name}" for name, count in state["failures"].items())
    return ModelError(
        f"Not one picture of the first round was both drawn and judged ({counted}). The session's trace.jsonl has the "
        "calls; `limner doctor` checks this machine. Mend what is wrong and begin a new session."
    )


def _settled(deps: EvolveDeps, state: EvolveState) -> bool:
    if len(state["pool"]) == 1:
        return True
    p = deps.bandit(state["bandit"]).best().p_within_epsilon
    return p is not None and p >= SURE


def _short_of(deps: EvolveDeps, state: EvolveState) -> str | None:
    needed = round_pictures(deps, state) + final_pictures(deps)
    drawn = deps.ledger.spend().pictures
    asked = [len(questions) for questions in state["questions"].values()]
    calls = needed * (sum(asked) / len(asked) if asked else 3.0) * deps.settings.phrasings if deps.vision else 0
    resource = _lacking(deps, needed, round(calls))
    if resource is None and drawn:
        pace = deps.ledger.spend().seconds / drawn
        left = deps.ledger.seconds_left()
        resource = "seconds" if left is not None and left < pace * needed else None
    return resource


def _lacking(deps: EvolveDeps, pictures: int, model_calls: int = 0) -> str | None:
    price = deps.generator.terms.price_per_call or 0.0
    return deps.ledger.short_of(pictures=pictures, model_calls=model_calls, money_usd=pictures * price)


def final_pictures(deps: EvolveDeps) -> int:
    """The most pictures that the final choice and the final table can draw."""
    final = sizes(deps)
    return final.validation * (deps.settings.finalists + 1) + final.held_out * len(COLUMNS)


def round_pictures(deps: EvolveDeps, state: EvolveState) -> int:
    """The most pictures that the next round can draw."""
    return _pictures_of(deps, len(state["pool"]))


def _pictures_of(deps: EvolveDeps, arms: int) -> int:
    return (arms + deps.settings.professionals) * min(deps.settings.batch, len(deps.queries.search))


def fresh_queries(deps: EvolveDeps, number: int) -> list[str]:
    """The queries of round `number` (from 1): drawn without replacement, shuffled anew when all were used."""
    every = [query.id for query in deps.queries.search]
    size = min(deps.settings.batch, len(every))
    places = range((number - 1) * size, number * size)
    epochs = {epoch: _shuffled(deps, every, epoch) for epoch in dict.fromkeys(place // len(every) for place in places)}
    return [epochs[place // len(every)][place % len(every)] for place in places]


def _shuffled(deps: EvolveDeps, every: list[str], epoch: int) -> list[str]:
    return random.Random(derive(deps.settings.seed, "queries", epoch)).sample(every, len(every))


def _validation(deps: EvolveDeps, state: EvolveState) -> Batch | None:
    finalists = deps.bandit(state["bandit"]).ranked()[: deps.settings.finalists]
    arms = list(dict.fromkeys([*finalists, deps.start.id]))
    count = sizes(deps).validation
    if count == 0 or state["spent"] or _lacking(deps, count * len(arms)):
        return None
    return _batch(state, "validation", arms, [query.id for query in deps.queries.validation[:count]])


def _held_out(deps: EvolveDeps, state: EvolveState) -> dict[str, Any]:
    count = sizes(deps).held_out
    assert state["best"] is not None
    arms = list(dict.fromkeys([PLAIN, deps.start.id, PROFESSIONAL, state["best"]]))
    done = state["batch"] is not None and state["batch"]["phase"] == "held_out"
    if done or count == 0 or state["spent"] or _lacking(deps, count * len(arms)):
        return {"batch": None}
    return {"batch": _batch(state, "held_out", arms, [query.id for query in deps.queries.held_out[:count]])}


def _batch(state: EvolveState, phase: Any, arms: list[str], queries: list[str]) -> Batch:
    return Batch(number=state["batches"] + 1, phase=phase, arms=arms, queries=queries)
