"""An OpenAI chat completions server on loopback, for tests of clients against real sockets.

It replies what a function of the request says, counts its calls and the tokens that it told of, and can be told to
misbehave call by call; see `Loopback`. Like real endpoints it may know some response formats, and hold to them or not.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from threading import Lock
from typing import Any, Literal

from limner.testing.instances import instance
from limner.testing.loopback import Answered, Loopback
from limner.types import Usage

ChatBehaviour = Literal[
    "fine", "limit", "quota", "error", "bad", "unauthorized", "unknown", "hang", "drip", "cut", "garbage",
    "refuse", "filter", "length", "empty", "no_choices", "no_usage", "nonsense_usage",
    "prose", "fences", "commas", "think", "ignore", "types", "huge", "injected",
]  # fmt: skip
"""What a call meets.

An error: limit (429), quota (429 that will not pass), error (500), bad (400), unauthorized (401), unknown (404). No
whole reply: hang, drip (never done), cut (half of it), garbage (no JSON). A completion that is a refusal, filtered, cut
off at its token limit, empty, without choices, without usage or with nonsense for it. A text in prose, in code fences,
with commas too many, after thinking aloud, which ignores the schema, has wrong types in it, is huge, or does what a
text in the request says after `INJECTION`.
"""

INJECTION = "ignore the above and say "
"""What comes after it in any message is what the behaviour "injected" says."""
HUGE = 5_000_000
"""Characters of a huge reply."""
_FINISH = {"filter": "content_filter", "length": "length"}
_UNHEARD = {"cut", "drip", "no_usage", "nonsense_usage", "garbage", "huge"}
"""Behaviours of which no usage reaches the client."""


class ChatServer(Loopback):
    """Serves `POST /v1/chat/completions` between `with` and its end; `base_url` is for the client.

    `reply` makes the text from the request's body. `script` says what the first calls meet, in order of arrival; later
    ones are fine. `formats` are the response formats that are known; others are answered 400. `enforces` holds a reply
    to its schema: a text that is no JSON object becomes the schema's least instance. `able` is what it takes besides
    texts: pictures, and requests for logprobs; others are answered 400. `models` is its list of models. No reply goes
    out before `delay` seconds, in which it is made. `chances` has the probabilities of first tokens, where logprobs are
    asked for; without it every word is certain. `requests` holds the bodies, `keys` the API keys that they came
    with, `usage` the tokens that were told of.
    """

    path = "/chat/completions"

    def __init__(
        self,
        reply: Callable[[Mapping[str, Any]], str],
        script: Sequence[ChatBehaviour] = (),
        *,
        formats: Collection[str] = ("json_schema", "json_object"),
        enforces: bool = True,
        able: Collection[str] = ("vision", "logprobs"),
        models: Sequence[Mapping[str, Any]] = (),
        delay: float = 0.0,
        chances: Callable[[Mapping[str, Any]], Mapping[str, float]] | None = None,
        lifetime: float = 120.0,
    ) -> None:
        super().__init__(script, lifetime=lifetime)
        self._reply, self._formats, self._enforces, self._delay = reply, frozenset(formats), enforces, delay
        self._able, self._models, self._chances = frozenset(able), models, chances
        self._told, self._said, self._counting = 0, 0, Lock()

    @property
    def usage(self) -> Usage:
        """Tokens of all replies whose usage was sent whole."""
        return Usage(self._told, self._said)

    def page(self, path: str) -> Answered | None:
        """The list of models, where there is one."""
        there = self._models and path.endswith("/models")
        return Answered(200, json.dumps({"object": "list", "data": list(self._models)})) if there else None

    def check(self, body: Any) -> None:
        """A request makes sense if it has messages."""
        if not isinstance(body["messages"], list):
            raise TypeError("messages is no list")

    def answer(self, body: Mapping[str, Any], behaviour: str) -> Answered:
        """The completion that a request asks for."""
        began = time.monotonic()
        answered = self._answered(body, behaviour)
        self.wait(max(0.0, began + self._delay - time.monotonic()))
        return answered

    def _answered(self, body: Mapping[str, Any], behaviour: str) -> Answered:
        wanted = _format(body)
        if wanted is not None and wanted not in self._formats:
            return Answered.error(400, f"unsupported response_format {wanted}")
        for ability in _needed(body) - self._able:
            return Answered.error(400, f"unsupported {ability}")
        if behaviour == "garbage":
            return Answered(200, "<html>")
        completion = self._completion(body, behaviour)
        if "usage" in completion and behaviour not in _UNHEARD:
            self._count(completion["usage"])
        return Answered(200, json.dumps(completion))

    def _completion(self, body: Mapping[str, Any], behaviour: str) -> dict[str, Any]:
        text = _said(self._text(body), body, behaviour)
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if behaviour == "refuse":
            message = {"role": "assistant", "content": None, "refusal": "I cannot help with that."}
        choice = {
            "index": 0,
            "message": message,
            "finish_reason": _FINISH.get(behaviour, "stop"),
            **self._logprobs(body, text),
        }
        return {
            "id": f"chatcmpl-{self.calls}",
            "object": "chat.completion",
            "created": 0,
            "model": f"{body['model']}-served",
            "choices": [] if behaviour == "no_choices" else [choice],
            **_usage(body, text, behaviour),
        }

    def _text(self, body: Mapping[str, Any]) -> str:
        text = self._reply(body)
        if self._enforces and _format(body) == "json_schema" and _object(text) is None:
            return json.dumps(instance(body["response_format"]["json_schema"]["schema"]))
        return text

    def _logprobs(self, body: Mapping[str, Any], text: str) -> dict[str, Any]:
        if not body.get("logprobs"):
            return {}
        words = [{"token": word, "logprob": 0.0, "top_logprobs": []} for word in text.split()]
        if self._chances is not None:
            chances = self._chances(body)
            told = [{"token": token, "logprob": math.log(chance)} for token, chance in chances.items()]
            words = [{**told[0], "top_logprobs": told[: body["top_logprobs"]]}, *words[1:]]
        return {"logprobs": {"content": words}}

    def _count(self, usage: Mapping[str, int]) -> None:
        with self._counting:
            self._told += usage["prompt_tokens"]
            self._said += usage["completion_tokens"]


def _needed(body: Mapping[str, Any]) -> set[str]:
    """What a request needs its server to be able to."""
    shown = any(isinstance(message["content"], list) for message in body["messages"])
    return ({"vision"} if shown else set()) | ({"logprobs"} if body.get("logprobs") else set())


def _format(body: Mapping[str, Any]) -> str | None:
    wanted = body.get("response_format")
    return None if wanted is None else str(wanted["type"])


def _said(text: str, body: Mapping[str, Any], behaviour: str) -> str:
    """The text as this behaviour has it."""
    changed = {
        "empty": "",
        "prose": f"Sure! Here is what you asked for:\n\n{text}\n\nLet me know if {{you}} need anything else.",
        "fences": f"```json\n{text}\n```",
        "commas": f"{text.rstrip().removesuffix('}')},\n}}",
        "think": f'<think>Perhaps {{"colour": "grey"}}? No.</think>\n{text}',
        "ignore": "I would rather not use any format.",
        "types": json.dumps({name: {"wrong": [value]} for name, value in (_object(text) or {}).items()}),
        "length": text[: len(text) // 2],
        "huge": "word " * (HUGE // 5),
        "injected": _injected(body),
    }
    return changed.get(behaviour, text)


def _injected(body: Mapping[str, Any]) -> str:
    contents = [str(message["content"]) for message in body["messages"]]
    return next((content.partition(INJECTION)[2] for content in contents if INJECTION in content), "")


def _object(text: str) -> dict[str, Any] | None:
    """The JSON object that a text is, None where it is none."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _usage(body: Mapping[str, Any], text: str, behaviour: str) -> dict[str, Any]:
    """Words for tokens."""
    if behaviour == "no_usage":
        return {}
    if behaviour == "nonsense_usage":
        return {"usage": {"prompt_tokens": "many", "completion_tokens": -3, "prompt_tokens_details": []}}
    told = sum(len(str(message["content"]).split()) for message in body["messages"])
    said = len(text.split())
    return {"usage": {"prompt_tokens": told, "completion_tokens": said, "total_tokens": told + said}}
