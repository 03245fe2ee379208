"""Pictures from a server that speaks the OpenAI images API: OpenAI's own, or a local one.

A few requests at once, on kept connections. Where the server takes seeds, each picture is a request; OpenAI's own
models take none, so pictures of one prompt come together (`n`). A request is sent again when the server said that it
was not carried out (429, 408, 5xx), never when its reply was lost: that one may have been paid for. What is still
refused then is each picture's `Failure`; only what concerns every picture (a wrong key, no such model) is an exception.
"""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from limner.errors import GenerationError, ReplyLost, SettingsError
from limner.pictures import encode
from limner.types import Failure, Picture, Recipe, Terms

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types import ImagesResponse

_STRICT = ("gpt-image", "chatgpt-image", "dall-e")
"""OpenAI's own models refuse fields beyond their API: they get no seed, steps, guidance or negative prompt."""
_AT_ONCE = {"gpt-image": 10, "chatgpt-image": 10, "dall-e-2": 10}
"""Pictures per request at most, by what the model's name begins with; all others get one."""
_ALWAYS_BASE64 = ("gpt-image", "chatgpt-image")
_TRIES = 3
_LONGEST_PAUSE_S = 60.0
_REFUSALS = {"content_policy_violation", "moderation_blocked"}


class ImagesEndpoint:
    """A remote model as a generator; `batch` is the number of requests at once, `timeout` in seconds per request.

    Without `api_key`, the client takes OPENAI_API_KEY; a server given by `base_url` may need none. `price_per_call` is
    in USD, None when unknown.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        batch: int | None = None,
        price_per_call: float | None = None,
        timeout: float = 180.0,
    ) -> None:
        """Nothing is sent yet.

        Raises:
            SettingsError: no key for OpenAI's own endpoint.
        """
        self._model = model
        self._client = _client(base_url, api_key, timeout)
        self.terms = Terms(local=False, batch=batch or 4, price_per_call=price_per_call)

    @cached_property
    def identity(self) -> str:
        """The model's name and the server's."""
        return f"images:{self._model}@{urlsplit(str(self._client.base_url)).netloc}"

    def generate(self, recipes: Sequence[Recipe]) -> list[Picture | Failure]:
        """Ask for each recipe's picture.

        Raises:
            GenerationError: the endpoint accepts no request of this kind: wrong key, no permission, no such model.
        """
        if not recipes:
            return []
        groups = self._together(recipes)
        drawn: dict[int, Picture | Failure] = {}
        with ThreadPoolExecutor(min(len(groups), self.terms.batch)) as pool:
            futures = [pool.submit(self._draw, [recipes[place] for place in places]) for places in groups]
            try:
                for places, future in zip(groups, futures, strict=True):
                    drawn.update(zip(places, future.result(), strict=True))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)  # requests not yet sent are not paid for
                raise
        return [drawn[place] for place in range(len(recipes))]

    def close(self) -> None:
        """Close the kept connections."""
        self._client.close()

    def _together(self, recipes: Sequence[Recipe]) -> list[list[int]]:
        """Places of recipes that one request asks for: those of one prompt and size, where there are no seeds."""
        most = next((count for name, count in _AT_ONCE.items() if self._model.startswith(name)), 1)
        if most == 1:
            return [[place] for place in range(len(recipes))]
        same: dict[str, list[int]] = {}
        for place, recipe in enumerate(recipes):
            same.setdefault(repr(self._request(recipe)), []).append(place)
        return [places[start : start + most] for places in same.values() for start in range(0, len(places), most)]

    def _draw(self, recipes: Sequence[Recipe]) -> list[Picture | Failure]:
        """The pictures of one request, which all fail if it does."""
        import openai

        try:
            response = self._sent(self._request(recipes[0], len(recipes)))
        except (openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError) as error:
            raise GenerationError(
                f"{self.identity} refuses every request: {error}. Check the key, the model's name and the base URL."
            ) from error
        except openai.APIStatusError as error:
            return [Failure("GenerationError", _reason(error))] * len(recipes)
        except openai.APIError as error:
            # The boundary tells the ledger whether the request may have been carried out, and so must stay charged.
            boundary = "GenerationError" if _never_sent(error) else ReplyLost.__name__
            return [Failure(boundary, f"No usable reply from {self.identity}: {error}")] * len(recipes)
        encoded = [one.b64_json for one in response.data or ()]
        encoded += [None] * (len(recipes) - len(encoded))
        return [self._finish(one, recipe) for one, recipe in zip(encoded, recipes, strict=False)]

    def _sent(self, request: dict[str, Any]) -> ImagesResponse:
        """The reply to a request, after up to three tries; the pauses are the server's own where it names them."""
        import openai

        for tried in range(1, _TRIES + 1):
            try:
                response: ImagesResponse = self._client.images.generate(**request)
                return response
            except openai.APIStatusError as error:
                again = error.status_code in (408, 429) or error.status_code >= 500
                if not again or tried == _TRIES:
                    raise
                time.sleep(_pause(error.response.headers.get("retry-after"), tried))
        raise AssertionError("the last try returns or raises")

    def _request(self, recipe: Recipe, count: int = 1) -> dict[str, Any]:
        request: dict[str, Any] = {"model": self._model, "prompt": recipe.prompt.text, "n": count}
        if recipe.width and recipe.height:
            request["size"] = f"{recipe.width}x{recipe.height}"
        if not self._model.startswith(_ALWAYS_BASE64):
            request["response_format"] = "b64_json"
        if not self._model.startswith(_STRICT):
            extra = {
                "seed": recipe.seed,
                "num_inference_steps": recipe.steps,
                "guidance_scale": recipe.guidance,
                "negative_prompt": recipe.prompt.negative or None,
            }
            request["extra_body"] = {key: value for key, value in extra.items() if value is not None}
        return request

    def _finish(self, encoded: str | None, recipe: Recipe) -> Picture | Failure:
        if not encoded:
            return Failure(
                "GenerationError",
                f"{self.identity} sent no b64_json picture. Reword the prompt if a filter withheld it, or use a server "
                "that can send one.",
            )
        try:
            image = Picture(base64.b64decode(encoded, validate=True), recipe, self.identity).image()
        except (OSError, binascii.Error) as error:
            return Failure("GenerationError", f"{self.identity} sent no readable picture: {error}")
        return Picture(encode(image, _told(recipe, self._model), self.identity), recipe, self.identity)


def _pause(asked: str | None, tried: int) -> float:
    try:
        return min(max(float(asked or ""), 0.0), _LONGEST_PAUSE_S)
    except ValueError:
        return 0.5 * 2.0**tried


def _never_sent(error: Exception) -> bool:
    """Whether no connection came about."""
    return type(error.__cause__).__name__ == "ConnectError"


def _client(base_url: str | None, api_key: str | None, timeout: float) -> OpenAI:
    from openai import OpenAI, OpenAIError

    try:
        return OpenAI(base_url=base_url, api_key=api_key, timeout=timeout, max_retries=0)
    except OpenAIError as error:
        if base_url is None:
            raise SettingsError(
                "OpenAI's images endpoint needs a key. Set OPENAI_API_KEY, or give a base URL."
            ) from error
        return OpenAI(base_url=base_url, api_key="none", timeout=timeout, max_retries=0)


def _told(recipe: Recipe, model: str) -> Recipe:
    """What the endpoint was told, as the picture's file shall state it."""
    told = replace(recipe, scheduler=None)
    return replace(told, steps=None, guidance=None) if model.startswith(_STRICT) else told


def _reason(error: Any) -> str:
    if error.code in _REFUSALS:
        return f"The endpoint refused the prompt ({error.code}): {error.message}. Reword it."
    return f"The endpoint answered {error.status_code}: {error.message}"
