"""Planned batches: paying for a sequence of items so that a resumed run computes what the first would have.

The bits of a result vary with the shape of its batch, so batches are cut from the items as asked and never from what is
missing: a local model is called with the planned shape, each missing item in its place, stand-ins where the result is
recorded already. A remote model is asked for what is missing alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from limner.errors import ReplyLost, UsageError
from limner.ledger.budget import Charge, to_pico, to_usd
from limner.ledger.codec import Result
from limner.ledger.door import Door, Outcome
from limner.ledger.keys import canonical, key_of
from limner.ledger.position import NO_ROLE, current_position
from limner.ledger.store import Call
from limner.protocols import Model
from limner.types import Failure, Picture, Score

if TYPE_CHECKING:
    from limner.tracing.spans import Span, Spans

Item = TypeVar("Item")
Answered = TypeVar("Answered", bound=Result)

REASONS = 3
"""Different reasons for failures that a batch's span tells."""
_NOTHING = Charge()
"""What a failure costs."""
POLL_S = (0.02, 0.5)
"""First and longest pause while another asker makes the same call."""


@dataclass(frozen=True, slots=True)
class Job(Generic[Item]):
    """One kind of batched call.

    kind: its name in the ledger. unit: what one result counts as. request: what decides a result. stand_in: given the
    item of a place and a missing item, what is computed there to be thrown away. seeded: the request holds the
    occurrence itself. span: opens the span around a call.
    """

    kind: str
    unit: Charge
    request: Callable[[Item], dict[str, Any]]
    stand_in: Callable[[Item, Item], Item]
    span: Callable[[Spans, Model], AbstractContextManager[Span]]
    seeded: bool = False


class Planned(Generic[Item, Answered]):
    """One model's batched calls, through the door."""

    def __init__(
        self,
        job: Job[Item],
        model: Model,
        call: Callable[[Sequence[Item]], list[Answered]],
        door: Door,
        spans: Spans,
    ) -> None:
        """Take the model and the method of it that is paid for.

        Raises:
            UnknownPrice: the model has no price and the budget does not allow that.
        """
        self._job = job
        self._model = model
        self._identity = model.identity
        self._terms = model.terms
        self._call = call
        self._door = door
        self._spans = spans
        price = self._terms.price_per_call
        self._charge = job.unit + Charge(money=to_pico(price or 0.0), unknown_price=int(price is None))
        door.check_price(self._identity, (price,))

    def ask(self, items: Sequence[Item]) -> list[Answered]:
        """One result for each item, in order; each batch is recorded before the next begins."""
        size = max(1, self._terms.batch)
        batches = [items[start : start + size] for start in range(0, len(items), size)]
        return [result for batch in batches for result in self._ask_batch(batch)]

    def _ask_batch(self, items: Sequence[Item]) -> list[Answered]:
        calls = [self._asked(item) for item in items]
        results: dict[str, Result] = {}
        pause, longest = POLL_S
        while missing := [call for call in calls if call.key not in results]:
            admitted = self._door.admit(missing)
            results |= admitted.results
            if admitted.reserved:
                results |= self._make(items, calls, admitted.reserved)
            elif any(call.key not in results for call in calls):
                time.sleep(pause)
                pause = min(pause * 1.5, longest)
        return [cast("Answered", results[call.key]) for call in calls]

    def _asked(self, item: Item) -> Call:
        where = current_position()
        request = canonical(self._job.request(item))
        occurrence = None if self._job.seeded else occurrence_of(self._model)
        return Call(
            key=key_of(self._job.kind, self._identity, request, occurrence),
            kind=self._job.kind,
            model=self._identity,
            local=self._terms.local,
            position=where,
            role=where[0] if where else NO_ROLE,
            request=request,
            charge=self._charge,
        )

    def _make(self, items: Sequence[Item], calls: Sequence[Call], reserved: dict[str, int]) -> dict[str, Result]:
        first = {call.key: place for place, call in reversed(list(enumerate(calls))) if call.key in reserved}
        places = sorted(first.values())
        local = self._terms.local
        with self._door.holding(reserved, local=local), self._job.span(self._spans, self._model) as span:
            began = time.perf_counter()
            if local:
                planned = self._checked(self._shape(items, calls, places, reserved))
                answered = [planned[place] for place in places]
            else:
                answered = self._checked([items[place] for place in places])
            outcomes = [
                Outcome(calls[place].key, result, _NOTHING if isinstance(result, Failure) else self._charge)
                for place, result in zip(places, answered, strict=True)
            ]
            kept = [outcome for outcome in outcomes if local or not _lost(outcome.result)]
            results = self._door.settle(reserved, kept, time.perf_counter() - began) if kept else {}
            lost = {outcome.key: outcome.result for outcome in outcomes if outcome.key not in results}
            self._door.lose([reserved[key] for key in lost])
            results |= lost
            self._tell(span, outcomes, planned=len(items))
        return results

    def _shape(
        self, items: Sequence[Item], calls: Sequence[Call], places: Sequence[int], reserved: dict[str, int]
    ) -> list[Item]:
        """The planned batch, with stand-ins where nothing is missing."""
        missing = items[places[0]]
        return [
            item if call.key in reserved else self._job.stand_in(item, missing)
            for item, call in zip(items, calls, strict=True)
        ]

    def _checked(self, items: Sequence[Item]) -> list[Answered]:
        answered = self._call(items)
        if len(answered) != len(items):
            raise UsageError(
                f"{self._identity} returned {len(answered)} results for {len(items)} items; a model must return "
                "one for each, in order, with a Failure in the place of what it refused"
            )
        return answered

    def _tell(self, span: Span, outcomes: Sequence[Outcome], *, planned: int) -> None:
        results = [outcome.result for outcome in outcomes]
        refused = [result for result in results if isinstance(result, Failure)]
        money = sum(outcome.charge.money for outcome in outcomes)
        span.set(
            role=(current_position() or (NO_ROLE,))[0],
            position=" / ".join(current_position()),
            planned=planned,
            made=len(results),
            failed=len(refused),
            reasons=sorted({f"{one.boundary}: {one.reason}" for one in refused})[:REASONS] or None,
            pictures=[result.sha256 for result in results if isinstance(result, Picture)] or None,
        )
        span.cost(None if any(outcome.charge.unknown_price for outcome in outcomes) else to_usd(money))
        for result in results:
            if isinstance(result, Score):
                self._spans.evaluation(result.scorer, result.value)


def _lost(result: Result) -> bool:
    """Whether nobody knows if this remote call was carried out: it stays charged, and a resumed run asks again."""
    return isinstance(result, Failure) and result.boundary == ReplyLost.__name__


def occurrence_of(model: Model) -> tuple[str, ...] | None:
    """What tells two equal requests to a model apart: the position if it samples, else nothing.

    Raises:
        UsageError: a sampling model is asked outside of any position.
    """
    if not model.terms.sampling:
        return None
    if not current_position():
        raise UsageError(
            f"{model.identity} may answer the same request differently, so the ledger must know where in the run it is "
            'asked; wrap the call in `with position("role", "round 1"):`'
        )
    return current_position()
