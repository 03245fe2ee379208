"""One turn at an OpenAI-compatible chat endpoint: OpenAI, vLLM, Ollama, llama.cpp, LM Studio, any proxy.

Retries are the client's alone (429, 408, 5xx, connection; it honours retry-after). The client lives for one turn:
it belongs to an event loop, agents may be run from several, and making it takes 30 ms where a turn takes seconds. What
the endpoint never took is a `ChatError`; what it may have carried out unheard is `ReplyLost`, and stays charged.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from limner.errors import ChatError, ReplyLost
from limner.types import Message, Picture, Terms, Turn, Usage

if TYPE_CHECKING:
    from openai import APIConnectionError, APIStatusError
    from openai.types import CompletionUsage
    from openai.types.chat import ChatCompletion

OPENAI = "https://api.openai.com/v1"
NO_KEY = "none"
"""Sent where no key is given: local endpoints want none, but the client wants something to send."""
_NEVER_SENT = ("ConnectError", "ConnectTimeout", "UnsupportedProtocol", "PoolTimeout")
_ADVICE = {
    400: "the endpoint does not take this request; check that the model has chat, pictures and JSON schemas",
    401: "check the API key",
    403: "the key may not use this model",
    404: "check the model's name and the base URL, which usually ends in /v1",
    413: "the request is too large for the endpoint",
    429: "the quota or rate limit is used up; wait, or lower the number of calls",
}


@dataclass(frozen=True, slots=True)
class OpenAIOptions:
    """Where the endpoint is and how it is asked; the defaults are OpenAI's own address and no key.

    timeout is in seconds per try. picture_side is the longest side in pixels of the JPEG copies sent of pictures.
    Prices are in USD per token, None when unknown.
    """

    base_url: str = OPENAI
    api_key: str = field(default=NO_KEY, repr=False)
    temperature: float | None = None
    max_output_tokens: int = 4096
    timeout: float = 120.0
    retries: int = 4
    picture_side: int = 768
    price_per_input_token: float | None = None
    price_per_output_token: float | None = None


class OpenAIChat:
    """A `ChatModel` on the chat completions API."""

    def __init__(self, model: str, options: OpenAIOptions | None = None) -> None:
        """Nothing is sent yet."""
        self._model, self._options = model, options or OpenAIOptions()

    @property
    def identity(self) -> str:
        """`openai:MODEL@HOST`, with the temperature where one is set."""
        warm = "" if self._options.temperature is None else f"/temperature={self._options.temperature}"
        address = urlsplit(self._options.base_url)
        return f"openai:{self._model}@{address.netloc.rpartition('@')[2]}{warm}"

    @property
    def terms(self) -> Terms:
        """Remote and sampling, at the prices given."""
        return Terms(
            local=False,
            batch=1,
            sampling=True,
            max_output_tokens=self._options.max_output_tokens,
            price_per_input_token=self._options.price_per_input_token,
            price_per_output_token=self._options.price_per_output_token,
        )

    async def turn(self, messages: Sequence[Message], schema: Mapping[str, Any] | None = None) -> Turn:
        """Reply to the messages; see `limner.protocols.ChatModel`."""
        import openai

        options = self._options
        client = openai.AsyncOpenAI(
            base_url=options.base_url, api_key=options.api_key, timeout=options.timeout, max_retries=options.retries
        )
        try:
            async with client:
                completion = await client.chat.completions.create(**self._request(messages, schema))
        except openai.APIStatusError as error:
            raise self._refused(error) from error
        except openai.APIConnectionError as error:
            raise self._unheard(error) from error
        except (openai.OpenAIError, ValueError) as error:
            raise self._unreadable(str(error)) from error
        return self._turn(completion)

    def _request(self, messages: Sequence[Message], schema: Mapping[str, Any] | None) -> dict[str, Any]:
        # OpenAI's newer models know only the longer name, many local servers only the shorter one.
        limit = "max_completion_tokens" if self._options.base_url == OPENAI else "max_tokens"
        request: dict[str, Any] = {
            "model": self._model,
            "messages": [self._message(message) for message in messages],
            limit: self._options.max_output_tokens,
        }
        if self._options.temperature is not None:
            request["temperature"] = self._options.temperature
        if schema is not None:
            named = {"name": str(schema.get("title", "reply")), "strict": True, "schema": dict(schema)}
            request["response_format"] = {"type": "json_schema", "json_schema": named}
        return request

    def _message(self, message: Message) -> dict[str, Any]:
        if not message.pictures:
            return {"role": message.role, "content": message.content}
        urls = [_data_url(picture, self._options.picture_side) for picture in message.pictures]
        shown = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
        return {"role": message.role, "content": [{"type": "text", "text": message.content}, *shown]}

    def _turn(self, completion: ChatCompletion) -> Turn:
        # The client checks no types: a page of HTML arrives here as a string, a missing field as None.
        choices = getattr(completion, "choices", None)
        if not choices or choices[0].message is None:
            raise self._unreadable("no choice in it")
        choice = choices[0]
        refusal = choice.message.refusal
        return Turn(
            text=refusal or choice.message.content or "",
            finish_reason="refusal" if refusal else choice.finish_reason or "stop",
            usage=_usage(completion.usage),
            model=completion.model or self._model,
        )

    def _unreadable(self, why: str) -> ReplyLost:
        return ReplyLost(
            f"{self.identity} sent a reply that is no chat completion ({why}); check that {self._options.base_url} "
            "speaks the chat completions API"
        )

    def _refused(self, error: APIStatusError) -> ChatError:
        advice = _ADVICE.get(error.status_code, "the endpoint is in trouble; try again later")
        return ChatError(f"{self.identity} answered {error.status_code}: {error.message}; {advice}")

    def _unheard(self, error: APIConnectionError) -> ChatError | ReplyLost:
        cause = type(error.__cause__).__name__
        if cause in _NEVER_SENT:
            return ChatError(f"no connection to {self._options.base_url} ({error.__cause__}); is the endpoint running?")
        return ReplyLost(
            f"{self.identity} took the request and sent no reply within {self._options.timeout:g} s and "
            f"{self._options.retries} retries ({cause}); raise the timeout or see to the endpoint"
        )


def _usage(usage: CompletionUsage | None) -> Usage:
    if usage is None:
        return Usage()
    details = usage.prompt_tokens_details
    return Usage(usage.prompt_tokens, usage.completion_tokens, details.cached_tokens if details else None)


def _data_url(picture: Picture, side: int) -> str:
    """A JPEG copy, its longest side at most `side` pixels: a critic needs no more, and tokens cost money."""
    from PIL.Image import Resampling

    image = picture.image()
    image.thumbnail((side, side), Resampling.LANCZOS)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"
