"""An OpenAI images server on loopback, for tests of clients against real sockets.

It draws with any generator, counts its own calls, and can be told to misbehave call by call; see `Loopback`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from limner.protocols import Generator
from limner.testing.fakes import HashGenerator
from limner.testing.loopback import Answered, Loopback
from limner.types import Failure, Prompt, Recipe

Behaviour = Literal[
    "fine", "limit", "error", "refuse", "unauthorized", "unknown", "hang", "cut", "half", "nsfw", "garbage"
]
"""What a call meets: a picture, 429, 500, 400 (content policy), 401, 404, silence, half a reply, half a
picture, a reply without the picture (a filter withheld it), no picture at all."""


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
        """A request makes sense if a recipe can be read from it."""
        _recipe(body)

    def answer(self, body: Mapping[str, Any], behaviour: str) -> Answered:
        """The picture that a request asks for."""
        refused = Answered.error(400, "content_policy_violation")
        if behaviour == "refuse":
            return refused
        if behaviour == "garbage":
            return _pictured("bm90IGEgcGljdHVyZQ==")
        if behaviour == "nsfw":
            return Answered(200, json.dumps({"created": 0, "data": [{"b64_json": None, "has_nsfw_content": True}]}))
        (drawn,) = self._generator.generate([_recipe(body)])
        if behaviour == "half" and not isinstance(drawn, Failure):
            return _pictured(base64.b64encode(drawn.png[: len(drawn.png) // 2]).decode())
        return refused if isinstance(drawn, Failure) else _pictured(base64.b64encode(drawn.png).decode())


def _pictured(encoded: str) -> Answered:
    return Answered(200, json.dumps({"created": 0, "data": [{"b64_json": encoded}]}))


def _recipe(body: Mapping[str, Any]) -> Recipe:
    width, _, height = str(body.get("size", "")).partition("x")
    return Recipe(
        Prompt(str(body.get("prompt", "")), str(body.get("negative_prompt", ""))),
        seed=int(body.get("seed", 0)),
        width=int(width) if width else None,
        height=int(height) if height else None,
        steps=body.get("num_inference_steps"),
        guidance=body.get("guidance_scale"),
    )
