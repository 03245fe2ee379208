"""Replies that are objects: the schema goes with the request, and what comes back is always validated.

"json_schema accepted" is not "enforced", so a reply is read with patience and believed only if pydantic accepts it. One
that does not fit gets one repair turn, through the same chat model, so that the ledger sees and counts it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from limner.errors import ChatError, ReplyLost, ReplyUnusable
from limner.llm.extract import json_objects
from limner.protocols import ChatModel
from limner.types import Message, Turn

T = TypeVar("T", bound=BaseModel)

_CUT = ("length", "max_tokens")
_REFUSED = ("refusal", "content_filter")
_SHOWN = 200


class Unfit(Exception):
    """A reply that came and does not fit the schema; the message says why."""


class StructuredChat:
    """A `LanguageModel` on any chat model."""

    def __init__(self, chat: ChatModel) -> None:
        """Take a chat model, behind the ledger where there is one."""
        self._chat = chat

    async def reply(self, messages: Sequence[Message], schema: type[T]) -> T:
        """Reply with a validated object, after at most one repair turn.

        Raises:
            ReplyUnusable: refused, empty, cut off, or not fitting the schema even when asked again; says what came.
            ChatError: the endpoint did not take the request, or the reply was lost.
        """
        wanted = strict_schema(schema)
        turn = await self._turn(messages, wanted)
        try:
            return read_reply(turn.text, schema)
        except Unfit as problem:
            again = Message("user", _repair(problem, wanted))
            second = await self._turn([*messages, Message("assistant", turn.text), again], wanted)
        try:
            return read_reply(second.text, schema)
        except Unfit as problem:
            raise ReplyUnusable(
                f"{self._chat.identity} gave no {schema.__name__}, asked twice: {problem}; "
                f"it said {_cut(second.text)}; use a model that can follow a JSON schema"
            ) from problem

    async def _turn(self, messages: Sequence[Message], schema: dict[str, Any]) -> Turn:
        try:
            turn = await self._chat.turn(messages, schema)
        except ReplyLost as error:
            raise ChatError(str(error)) from error
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


def strict_schema(schema: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema in the strict form: every property required, no others allowed, no defaults, bare references."""
    strict = _strict(schema.model_json_schema())
    assert isinstance(strict, dict)
    return strict


def _strict(node: Any) -> Any:
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return {"$ref": node["$ref"]}
    # Under these keys stand names chosen by the schema's author, one of which may well be "default".
    named = {
        key: {name: _strict(sub) for name, sub in node[key].items()} for key in ("properties", "$defs") if key in node
    }
    kept = {key: _strict(value) for key, value in node.items() if key not in ("default", *named)} | named
    if "properties" in kept:
        kept |= {"required": list(kept["properties"]), "additionalProperties": False}
    return kept


def _repair(problem: Unfit, schema: dict[str, Any]) -> str:
    return (
        f"That reply could not be used: {problem}. Reply again with nothing but one JSON object that obeys this "
        f"schema, without code fences or explanation:\n{json.dumps(schema, ensure_ascii=False)}"
    )


def _cut(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")
