"""Chat turns through the door: one call at a time, asynchronous, with tokens reserved and then settled by usage.

Turns that begin or end together share their transactions; see `limner.ledger.together`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from limner.ledger.budget import Charge, to_pico, to_usd
from limner.ledger.codec import chat_request
from limner.ledger.door import Door, Outcome, Settlement
from limner.ledger.keys import canonical, key_of
from limner.ledger.planned import POLL_S, occurrence_of
from limner.ledger.position import NO_ROLE, current_position
from limner.ledger.store import Call
from limner.ledger.together import Together
from limner.protocols import ChatModel
from limner.types import Message, Terms, Turn

if TYPE_CHECKING:
    from limner.tracing.spans import Span, Spans

BYTES_PER_TOKEN = 3
"""Tokenizers need one token for three or more bytes of almost any text."""
TOKENS_PER_MESSAGE = 8
TOKENS_PER_PICTURE = 1000


class ChatDoor:
    """One chat model's turns."""

    def __init__(self, model: ChatModel, door: Door, turns: Together, spans: Spans) -> None:
        """Take the model.

        Raises:
            UnknownPrice: the model lacks a price and the budget does not allow that.
        """
        terms = model.terms
        door.check_price(
            model.identity, (terms.price_per_call, terms.price_per_input_token, terms.price_per_output_token)
        )
        self._model = model
        self._door = door
        self._turns = turns
        self._spans = spans

    async def ask(self, messages: Sequence[Message], schema: Mapping[str, Any] | None) -> Turn:
        """The reply, recorded."""
        call = self._asked(messages, schema)
        pause, longest = POLL_S
        while True:
            admitted = await self._turns.admit(call)
            if admitted.results:
                return cast("Turn", admitted.results[call.key])
            if admitted.reserved:
                return await self._make(call, admitted.reserved, messages, schema)
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, longest)

    def _asked(self, messages: Sequence[Message], schema: Mapping[str, Any] | None) -> Call:
        model, where = self._model, current_position()
        request = canonical(chat_request(messages, schema))
        return Call(
            key=key_of("chat", model.identity, request, occurrence_of(model)),
            kind="chat",
            model=model.identity,
            local=model.terms.local,
            position=where,
            role=where[0] if where else NO_ROLE,
            request=request,
            charge=_charge(model.terms, _estimate(messages, schema), model.terms.max_output_tokens),
        )

    async def _make(
        self, call: Call, reserved: dict[str, int], messages: Sequence[Message], schema: Mapping[str, Any] | None
    ) -> Turn:
        with self._door.holding(reserved, local=call.local), self._spans.chat(call.model) as span:
            span.messages(messages)
            began = time.perf_counter()
            turn = await self._model.turn(messages, schema)
            outcome = self._outcome(call, turn)
            seconds = time.perf_counter() - began
            settled = await self._turns.settle(Settlement(reserved[call.key], outcome, seconds))
            _tell(span, call, turn, outcome)
        return cast("Turn", settled)

    def _outcome(self, call: Call, turn: Turn) -> Outcome:
        used, wrote = turn.usage.input_tokens, turn.usage.output_tokens
        if used is None or wrote is None:
            return Outcome(call.key, turn, call.charge, unknown_usage=True)
        cached = min(turn.usage.cached_tokens or 0, used)
        return Outcome(call.key, turn, _charge(self._model.terms, used, wrote, cached))


def _estimate(messages: Sequence[Message], schema: Mapping[str, Any] | None) -> int:
    """How many tokens the request may have; rather too many than too few."""
    texts = [message.content for message in messages]
    if schema is not None:
        texts.append(canonical(schema))
    written = sum(-(-len(text.encode(errors="replace")) // BYTES_PER_TOKEN) for text in texts)
    pictures = sum(len(message.pictures) for message in messages)
    return written + TOKENS_PER_MESSAGE * len(messages) + TOKENS_PER_PICTURE * pictures


def _charge(terms: Terms, tokens_in: int, tokens_out: int, cached: int = 0) -> Charge:
    """The charge of a turn; `cached` of its `tokens_in` were read from the endpoint's cache."""
    prices = (terms.price_per_call, terms.price_per_input_token, terms.price_per_output_token)
    per_call, per_in, per_out = (price or 0.0 for price in prices)
    per_cached = per_in if terms.price_per_cached_token is None else terms.price_per_cached_token
    return Charge(
        model_calls=1,
        tokens=tokens_in + tokens_out,
        money=to_pico(per_call + per_in * (tokens_in - cached) + per_cached * cached + per_out * tokens_out),
        unknown_price=int(None in prices),
    )


def _tell(span: Span, call: Call, turn: Turn, outcome: Outcome) -> None:
    known = not (outcome.charge.unknown_price or outcome.unknown_usage)
    span.set(role=call.role, position=" / ".join(call.position))
    span.turn(turn)
    span.cost(to_usd(outcome.charge.money) if known else None)
