"""An OpenAI images server on loopback, for tests of clients against real sockets.

It draws with any generator, counts its own calls, and can be told to misbehave call by call; see `Loopback`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from limner.protocols import Generator
from limner.testing.fakes import HashGenerator
from limner.testing.loopback import Answered, Loopback
from limner.types import Picture, Prompt, Recipe

Behaviour = Literal[
    "fine", "limit", "error", "refuse", "unauthorized", "unknown", "hang", "cut", "half", "nsfw", "few", "garbage"
]
"""What a call meets: its pictures, 429, 500, 400 (content policy), 401, 404, silence, half a reply, halves of pictures,
a reply without the last picture (a filter withheld it), one picture less than asked for, no picture at all."""


class ImageServer(Loopback):
    """Serves `POST /v1/images/generations` and `GET /count` between `with` and its end; `base_url` is for the client.

    `script` says what the first calls meet, in order of arrival; later ones are fine. `requests` holds their bodies.
    """

    path = "/images/generations"
    most_bytes = 1_000_000

    def __init__(
        self, generator: Generator | None = None, script: Sequence[Behaviour] = (), *, lifetime: float = 120.0
    ) -> None:
        super().__init__(script, lifetime=lifetime)
        self._generator = generator or HashGenerator()

    def check(self, body: Any) -> None:
        """A request makes sense if recipes can be read from it."""
        _recipes(body)

    def answer(self, body: Mapping[str, Any], behaviour: str) -> Answered:
        """The pictures that a request asks for."""
        refused = Answered.error(400, "content_policy_violation")
        if behaviour == "refuse":
            return refused
        drawn = [item for item in self._generator.generate(_recipes(body)) if isinstance(item, Picture)]
        if len(drawn) < int(body.get("n", 1)):
            return refused
        rows: list[dict[str, Any]] = [{"b64_json": _sent(one.png, behaviour)} for one in drawn]
        if behaviour == "nsfw":
            rows[-1] = {"b64_json": None, "has_nsfw_content": True}
        return Answered(200, json.dumps({"created": 0, "data": rows[:-1] if behaviour == "few" else rows}))


def _sent(png: bytes, behaviour: str) -> str:
    if behaviour == "garbage":
        return "bm90IGEgcGljdHVyZQ=="
    return base64.b64encode(png[: len(png) // 2] if behaviour == "half" else png).decode()


def _recipes(body: Mapping[str, Any]) -> list[Recipe]:
    """What each of the `n` pictures is drawn from; seeds follow that of the request."""
    width, _, height = str(body.get("size", "")).partition("x")
    first = Recipe(
        Prompt(str(body.get("prompt", "")), str(body.get("negative_prompt", ""))),
        seed=int(body.get("seed", 0)),
        width=int(width) if width else None,
        height=int(height) if height else None,
        steps=body.get("num_inference_steps"),
        guidance=body.get("guidance_scale"),
    )
    return [replace(first, seed=first.seed + number) for number in range(int(body.get("n", 1)))]
