"""Replies that are objects: asked for in the surest way that the endpoint really follows, and always validated.

"json_schema accepted" is not "enforced", so an endpoint is probed once: by a question that speaks of no JSON, under a
schema. The probe is a turn like any other, so the ledger pays and remembers it, for every agent of the same model. A
reply that does not fit gets one repair turn; one that was lost is asked for once more, and both stay charged.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any, Literal, TypeVar
from weakref import WeakKeyDictionary

from pydantic import BaseModel, ValidationError

from limner.errors import ChatError, ReplayMiss, ReplyLost, ReplyUnusable, RequestRefused
from limner.ledger import position
from limner.llm.extract import json_objects
from limner.llm.formats import ANY_OBJECT, RUNGS, Rung, strict_schema
from limner.protocols import ChatModel
from limner.types import Message, Turn

T = TypeVar("T", bound=BaseModel)

PROBE = "probe"
"""The role under which probes are paid."""
_CUT = ("length", "max_tokens")
_REFUSED = ("refusal", "content_filter")
_SHOWN = 200
_LONGEST_REPAIRED = 20_000
"""Characters of an unusable reply that are shown to its author again."""


class Unfit(Exception):
    """A reply that came and does not fit the schema; the message says why."""


class ProbeReply(BaseModel):
    """What the probe asks for."""

    colour: Literal["red", "yellow", "blue"]


_PROBE = (Message("user", "Name a primary colour."),)


class StructuredChat:
    """A `LanguageModel` on any chat model."""

    def __init__(self, chat: ChatModel) -> None:
        """Take a chat model, behind the ledger where there is one. One in this process is taken to obey schemas."""
        self._chat = chat
        self._known: Rung | None = "json_schema" if chat.terms.local else None
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

    async def reply(self, messages: Sequence[Message], schema: type[T]) -> T:
        """Reply with a validated object, after at most one repair turn.

        Raises:
            ReplyUnusable: refused, empty, cut off, or not fitting the schema even when asked again; says what came.
            ChatError: the endpoint did not take the request, or the reply was lost twice.
        """
        wanted = strict_schema(schema)
        turn = await self._turn(messages, wanted)
        try:
            return read_reply(turn.text, schema)
        except Unfit as problem:
            again = Message("user", _repair(problem, wanted))
            second = await self._turn([*messages, Message("assistant", turn.text[:_LONGEST_REPAIRED]), again], wanted)
        try:
            return read_reply(second.text, schema)
        except Unfit as problem:
            raise ReplyUnusable(
                f"{self._chat.identity} gave no {schema.__name__}, asked twice: {problem}; "
                f"it said {_cut(second.text)}; use a model that can follow a JSON schema"
            ) from problem

    async def rung(self) -> Rung:
        """The surest way to ask this endpoint for an object: json_schema, json_object or text; probed when first asked.

        Raises:
            ChatError: the endpoint does not answer at all.
        """
        async with self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
            if self._known is None:
                with position(PROBE, anew=True):
                    self._known = await self._probed()
        return self._known

    async def _probed(self) -> Rung:
        for rung in RUNGS[:-1]:
            try:
                turn = await self._asked(_PROBE, strict_schema(ProbeReply), rung)
                read_reply(turn.text, ProbeReply)
            except (Unfit, RequestRefused, ReplayMiss):  # a refusal is not recorded, so a replay misses it
                continue
            return rung
        return RUNGS[-1]

    async def _turn(self, messages: Sequence[Message], schema: dict[str, Any]) -> Turn:
        turn = await self._taken(messages, schema)
        if turn.finish_reason in _REFUSED:
            raise ReplyUnusable(
                f"{self._chat.identity} refused ({turn.finish_reason}): {_cut(turn.text)}; reword the request"
            )
        if turn.finish_reason in _CUT:
            raise ReplyUnusable(
                f"{self._chat.identity} was cut off after {turn.usage.output_tokens or 'its limit of'} tokens, at "
                f"{_cut(turn.text[-_SHOWN:])}; raise max_output_tokens (now {self._chat.terms.max_output_tokens})"
            )
        if not turn.text.strip():
            raise ReplyUnusable(f"{self._chat.identity} sent an empty reply ({turn.finish_reason}); try another model")
        return turn

    async def _taken(self, messages: Sequence[Message], schema: dict[str, Any]) -> Turn:
        """A turn on the surest rung that takes this schema: an endpoint may obey simple ones and refuse others."""
        *surer, last = RUNGS[RUNGS.index(await self.rung()) :]
        for rung in surer:
            try:
                return await self._asked(messages, schema, rung)
            except (RequestRefused, ReplayMiss):
                continue
        return await self._asked(messages, schema, last)

    async def _asked(self, messages: Sequence[Message], schema: dict[str, Any], rung: Rung) -> Turn:
        told = messages if rung == "json_schema" else _told(messages, schema)
        wanted = {"json_schema": schema, "json_object": ANY_OBJECT, "text": None}[rung]
        try:
            return await self._chat.turn(told, wanted)
        except ReplyLost:
            pass
        try:
            return await self._chat.turn(told, wanted)
        except ReplyLost as error:
            raise ChatError(f"{error} (asked twice)") from error


def read_reply(text: str, schema: type[T]) -> T:
    """The last object in the text that the schema accepts: models think aloud first and answer last.

    Raises:
        Unfit: there is none; says what is wrong with the last candidate.
    """
    problem = "it holds no JSON object"
    for candidate in reversed(list(json_objects(text))):
        try:
            return schema.model_validate(candidate)
        except ValidationError as error:
            if problem == "it holds no JSON object":
                problem = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'it'}: {e['msg']}" for e in error.errors())
    raise Unfit(problem)


def _told(messages: Sequence[Message], schema: dict[str, Any]) -> list[Message]:
    """The messages with the schema in words, at the end of the system's, which stays the same from call to call."""
    words = f"Reply with nothing but one JSON object that obeys this schema:\n{_json(schema)}"
    first, others = messages[0], list(messages[1:])
    if first.role != "system":
        return [Message("system", words), first, *others]
    return [Message("system", f"{first.content}\n\n{words}", first.pictures), *others]


def _repair(problem: Unfit, schema: dict[str, Any]) -> str:
    return (
        f"That reply could not be used: {problem}. Reply again with nothing but one JSON object that obeys this "
        f"schema, without code fences or explanation:\n{_json(schema)}"
    )


def _json(schema: dict[str, Any]) -> str:
    return json.dumps(schema, ensure_ascii=False)


def _cut(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")
