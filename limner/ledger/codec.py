"""Requests and results as JSON: what the ledger stores and hashes.

A result reads back exactly (Python writes floats by their shortest exact form). A request holds what decides the answer
and nothing else, and leaves out settings that are at their default, so that a setting added to Limner later does not
change the keys of sessions that never used it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from limner.ledger.course import Course
from limner.ledger.keys import sha256
from limner.types import (
    Answer,
    Edit,
    Evidence,
    Failure,
    Message,
    Picture,
    Prompt,
    Query,
    Question,
    Recipe,
    Score,
    Turn,
    Usage,
)

Result = Picture | Failure | Score | Answer | Turn | Course

LONG = 16_384
"""Characters from which a text is kept as a blob and the row stays small."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text as its row keeps it: in full, or as a reference to the blob that is to be stored beside it.

    `name` is the blob's hash.
    """

    text: str
    blob: bytes | None = None
    name: str | None = None


def picture_request(recipe: Recipe) -> dict[str, Any]:
    """What decides a drawn picture. The seed is in it, so asking again is the same call."""
    settings = {
        "negative": recipe.prompt.negative or None,
        "width": recipe.width,
        "height": recipe.height,
        "steps": recipe.steps,
        "guidance": None if recipe.guidance is None else float(recipe.guidance),
        "scheduler": recipe.scheduler,
    }
    given = {name: value for name, value in settings.items() if value is not None}
    return {"prompt": recipe.prompt.text, "seed": recipe.seed, **given}


def edit_request(edit: Edit) -> dict[str, Any]:
    """What decides an edited picture: the picture's bytes, the change, and what decides a drawn one."""
    settings = {
        "region": None if edit.region is None else list(edit.region),
        "strength": None if edit.strength is None else float(edit.strength),
    }
    given = {name: value for name, value in settings.items() if value is not None}
    return {"picture": edit.picture.sha256, "change": edit.change, **picture_request(edit.recipe), **given}


def score_request(pair: tuple[Query, Picture]) -> dict[str, Any]:
    """What decides a score: the query as the scorer sees it, and the stored bytes."""
    query, picture = pair
    return {"query": {"id": query.id, "text": query.text}, "picture": picture.sha256}


def answer_request(ask: tuple[Picture, Question]) -> dict[str, Any]:
    """What decides an answer. What the question depends on (`needs`) says how it counts, not what is answered."""
    picture, question = ask
    return {"picture": picture.sha256, "question": question.text, "question_kind": question.kind}


def chat_request(messages: Sequence[Message], schema: Mapping[str, Any] | None) -> dict[str, Any]:
    """What decides a chat turn: the messages in order, with their pictures by hash, and the schema asked for."""
    told = [
        {"role": message.role, "content": message.content}
        | ({"pictures": [picture.sha256 for picture in message.pictures]} if message.pictures else {})
        for message in messages
    ]
    return {"messages": told} | ({"schema": dict(schema)} if schema is not None else {})


def shelve(text: str) -> Text:
    """Keep a short text in its row and a long one as a blob."""
    if len(text) < LONG:
        return Text(text)
    blob = text.encode()
    name = sha256(blob)
    return Text(_dumps({"type": "text", "sha256": name}), blob, name)


def encode(result: Result) -> Text:
    """Write a result as JSON; a picture's bytes, and a long text, as a blob."""
    if isinstance(result, Picture):
        about = {"sha256": result.sha256, "recipe": _plain(result.recipe), "model": result.model}
        return Text(_dumps({"type": "picture", **about}), result.png, result.sha256)
    return shelve(_dumps({"type": _NAMES[type(result)], **_fields(result)}))


def decode(text: str, load: Callable[[str], bytes]) -> Result:
    """Read a result back; `load` returns the blob of a hash.

    Raises:
        ValueError, KeyError, TypeError: the text is not what `encode` wrote.
    """
    fields = json.loads(text)
    kind = fields.pop("type")
    if kind == "text":
        return decode(load(fields["sha256"]).decode(), load)
    if kind == "picture":
        return Picture(load(fields["sha256"]), _recipe(fields["recipe"]), fields["model"])
    return _READERS[kind](fields)


def _fields(result: Failure | Score | Answer | Turn | Course) -> dict[str, Any]:
    fields = asdict(result) if isinstance(result, Course) else _plain(result)
    if isinstance(result, Score):  # models hand over their own number types
        fields["value"] = _number(result.value)
        fields["parts"] = {name: float(part) for name, part in result.parts.items()}
        fields["evidence"] = [
            {"question": _plain(seen.question), "answer": _answer(seen.answer)}
            | ({"again": _answer(seen.again)} if seen.again else {})
            for seen in result.evidence
        ]
    if isinstance(result, Answer):
        fields["p_yes"] = _number(result.p_yes)
    return fields


def _plain(value: Any) -> dict[str, Any]:
    """A frozen value's fields, those of values in them too; `asdict` looks into lists, too, and copies all."""
    inside = {name: getattr(value, name) for name in value.__dataclass_fields__}
    return {name: _plain(part) if hasattr(part, "__dataclass_fields__") else part for name, part in inside.items()}


def _answer(answer: Answer) -> dict[str, Any]:
    return _plain(answer) | {"p_yes": _number(answer.p_yes)}


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)


def _recipe(fields: dict[str, Any]) -> Recipe:
    return Recipe(**(fields | {"prompt": Prompt(**fields["prompt"])}))


def _score(fields: dict[str, Any]) -> Score:
    return Score(**(fields | {"evidence": tuple(map(_evidence, fields["evidence"]))}))


def _evidence(fields: dict[str, Any]) -> Evidence:
    question = fields["question"]
    again = Answer(**fields["again"]) if "again" in fields else None
    return Evidence(Question(**(question | {"needs": tuple(question["needs"])})), Answer(**fields["answer"]), again)


def _turn(fields: dict[str, Any]) -> Turn:
    first = tuple((token, logprob) for token, logprob in fields.get("first", ()))
    return Turn(**(fields | {"usage": Usage(**fields["usage"]), "first": first}))


_dumps = json.JSONEncoder(separators=(",", ":")).encode


_NAMES: dict[type, str] = {Failure: "failure", Score: "score", Answer: "answer", Turn: "turn", Course: "course"}

_READERS: dict[str, Callable[[dict[str, Any]], Result]] = {
    "failure": lambda fields: Failure(**fields),
    "score": _score,
    "answer": lambda fields: Answer(**fields),
    "turn": _turn,
    "course": Course.read,
}
