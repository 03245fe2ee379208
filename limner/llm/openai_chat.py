"""One turn at an OpenAI-compatible chat endpoint: OpenAI, vLLM, Ollama, llama.cpp, LM Studio, any proxy.

A request is sent again where it was not carried out: 429, 408, 5xx, no connection; honouring retry-after, and slowing
the endpoint's `Pace` on 429. One whose reply was lost may have been paid for, so it is never repeated here: it is a
`ReplyLost`, stays charged, and whoever asks again pays again. The library's own retries are off: they tell neither.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import random
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from limner.errors import ChatError, ReplyLost, RequestRefused
from limner.llm.formats import ANY_OBJECT
from limner.llm.pace import Began, Pace
from limner.llm.reading import listed, turn_of
from limner.types import Message, Picture, Terms, Turn

if TYPE_CHECKING:
    from ssl import SSLContext

    from openai import APIConnectionError, APIStatusError, AsyncOpenAI

OPENAI = "https://api.openai.com/v1"
NO_KEY = "none"
"""Sent where no key is given: local endpoints want none, but the client wants something to send."""
LONGEST_BODY = 4_000_000
"""Bytes of a reply that are read; the longest that models write are a tenth of that."""
LONGEST_PAUSE = 60.0
"""Seconds that an endpoint may ask us to wait; one that wants more has run out of quota."""
_FIRST_PAUSE, _LONGEST_OWN_PAUSE = 0.5, 8.0
_PER_LINE = 4
"""Turns of one client at once: with each request it looks through all of its connections, so many would be slow."""
_KEPT_S = 1.5
"""Seconds for which an idle connection is kept: fewer than servers keep theirs, so that none closes under a request."""
_NEVER_SENT = ("ConnectError", "ConnectTimeout", "UnsupportedProtocol", "PoolTimeout")
_AS_IT_STANDS = (400, 413, 415, 422, 501)
_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_OUT_OF_QUOTA = "insufficient_quota"
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

    timeout is in seconds for a whole try. concurrency is the number of turns under way at most. picture_side is the
    longest side in pixels of the JPEG copies sent of pictures. top_logprobs is how many of the likeliest first tokens
    are asked for; 0 asks for none. Prices are in USD per token, None when unknown; cached tokens without a price of
    their own cost what the others do.
    """

    base_url: str = OPENAI
    api_key: str = field(default=NO_KEY, repr=False)
    temperature: float | None = None
    max_output_tokens: int = 4096
    timeout: float = 120.0
    retries: int = 4
    concurrency: int = 32
    picture_side: int = 768
    top_logprobs: int = 0
    price_per_input_token: float | None = None
    price_per_output_token: float | None = None
    price_per_cached_token: float | None = None


@dataclass(slots=True)
class _Line:
    """A client, and how many turns are using it."""

    client: AsyncOpenAI
    users: int = 0


@dataclass(slots=True)
class _Open:
    """The clients of an event loop, and how many want them open."""

    lines: list[_Line] = field(default_factory=list)
    users: int = 0


class OpenAIChat:
    """A `ChatModel` on the chat completions API."""

    def __init__(self, model: str, options: OpenAIOptions | None = None, pace: Pace | None = None) -> None:
        """Nothing is sent yet. Models of one endpoint share a `pace`; without one this model has its own."""
        self._model, self._options = model, options or OpenAIOptions()
        self._pace = pace or Pace(self._options.concurrency)
        self._open: dict[asyncio.AbstractEventLoop, _Open] = {}

    @property
    def identity(self) -> str:
        """`openai:MODEL@HOST`, with the temperature and the wish for logprobs where they are set."""
        warm = "" if self._options.temperature is None else f"/temperature={self._options.temperature}"
        address = urlsplit(self._options.base_url)
        told = f"/top_logprobs={self._options.top_logprobs}" if self._options.top_logprobs else ""
        return f"openai:{self._model}@{address.netloc.rpartition('@')[2]}{warm}{told}"

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
            price_per_cached_token=self._options.price_per_cached_token,
        )

    async def turn(self, messages: Sequence[Message], schema: Mapping[str, Any] | None = None) -> Turn:
        """Reply to the messages; see `limner.protocols.ChatModel`.

        `limner.llm.formats.ANY_OBJECT` as schema asks for some JSON object, by the response format json_object.

        Raises:
            RequestRefused: the endpoint cannot take this request as it stands.
        """
        body = await self.send({"messages": [self._message(message) for message in messages], **_format(schema)})
        try:
            return turn_of(body, self._model)
        except ValueError as error:
            raise self._unreadable(str(error)) from error

    async def send(self, fields: Mapping[str, Any]) -> bytes:
        """The body of the reply to a chat completion request of these fields; model and token limit are added.

        Raises:
            ChatError, RequestRefused, ReplyLost: see `turn`.
        """
        common: dict[str, Any] = {"model": self._model, **fields}
        if self._options.top_logprobs:
            common |= {"logprobs": True, "top_logprobs": self._options.top_logprobs}
        if self._options.temperature is not None:
            common["temperature"] = self._options.temperature
        async with self._pace.turn() as began, self._client() as client:
            for name in self._limit_names:
                try:
                    return await self._until_taken(client, {**common, name: self._options.max_output_tokens}, began)
                except RequestRefused as refused:
                    if name == self._limit_names[-1] or self._limit_names[-1] not in str(refused):
                        raise
        raise AssertionError("the last name returns or raises")

    async def about(self) -> dict[str, Any]:
        """What the endpoint's list of models says of this one; nothing where it says nothing.

        Raises:
            ChatError: the endpoint has no such list, or does not answer.
        """
        import openai

        try:
            async with self._client() as client, client.models.with_streaming_response.list() as response:
                return listed(await response.read(), self._model)
        except openai.OpenAIError as error:
            raise ChatError(f"{self._options.base_url} lists no models: {error}") from error

    @property
    def _limit_names(self) -> tuple[str, ...]:
        """OpenAI's newer models know only the longer name, most local servers only the shorter one."""
        host = urlsplit(self._options.base_url).hostname or ""
        return ("max_completion_tokens",) if host == "api.openai.com" else ("max_tokens", "max_completion_tokens")

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[_Open]:
        """Keep connections open from turn to turn on this event loop; else only while turns are under way."""
        loop = asyncio.get_running_loop()
        shared = self._open.setdefault(loop, _Open())
        shared.users += 1
        try:
            yield shared
        finally:
            shared.users -= 1
            if not shared.users:
                del self._open[loop]
                await asyncio.gather(*(line.client.close() for line in shared.lines))

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[AsyncOpenAI]:
        async with self.connected() as shared:
            line = next((line for line in shared.lines if line.users < _PER_LINE), None)
            if line is None:
                line = _Line(self._made())
                shared.lines.append(line)
            line.users += 1
            try:
                yield line.client
            finally:
                line.users -= 1

    def _made(self) -> AsyncOpenAI:
        import httpx2
        import openai

        options = self._options
        # Where an endpoint sends us elsewhere, the key does not follow.
        http = openai.DefaultAsyncHttpxClient(
            verify=self._certificates, follow_redirects=False, limits=httpx2.Limits(keepalive_expiry=_KEPT_S)
        )
        return openai.AsyncOpenAI(
            base_url=options.base_url,
            api_key=options.api_key,
            timeout=options.timeout,
            max_retries=0,
            http_client=http,
        )

    @cached_property
    def _certificates(self) -> SSLContext:
        """Read once, and only where they are needed: that takes many times longer than the rest of a client."""
        import httpx2

        return httpx2.create_ssl_context(verify=urlsplit(self._options.base_url).scheme != "http")

    async def _until_taken(self, client: AsyncOpenAI, request: Mapping[str, Any], began: Began) -> bytes:
        import openai

        for tried in range(self._options.retries + 1):
            last = tried == self._options.retries
            try:
                return await self._tried(client, request)
            except openai.APIStatusError as error:
                if error.status_code == 429:
                    began.too_fast()
                pause = _pause(error, tried)
                if last or pause is None:
                    raise self._refused(error) from error
            except openai.APIConnectionError as error:
                pause = _own_pause(tried)
                if last or type(error.__cause__).__name__ not in _NEVER_SENT:
                    raise self._unheard(error) from error
            await asyncio.sleep(pause)
        raise AssertionError("the last try returns or raises")

    async def _tried(self, client: AsyncOpenAI, request: Mapping[str, Any]) -> bytes:
        """One request and the whole body of its reply, which is read in pieces so that none is too large.

        By the client's own way for undocumented endpoints: what it does to the fields of documented ones, and to their
        replies, takes longer than all else, and nothing of it is wanted here.
        """
        import httpx2

        body = bytearray()
        content = _JSON.encode(request).encode()
        try:
            async with asyncio.timeout(self._options.timeout):
                response = await client.post("/chat/completions", content=content, cast_to=httpx2.Response, stream=True)
                async with aclosing(response):
                    async for piece in response.aiter_bytes():
                        body += piece
                        if len(body) > LONGEST_BODY:
                            raise self._unreadable(f"it is longer than {LONGEST_BODY:,} bytes")
        except (TimeoutError, httpx2.HTTPError) as error:
            raise self._lost(type(error).__name__) from error
        return bytes(body)

    def _message(self, message: Message) -> dict[str, Any]:
        if not message.pictures:
            return {"role": message.role, "content": message.content}
        urls = [_data_url(picture, self._options.picture_side) for picture in message.pictures]
        shown = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
        return {"role": message.role, "content": [{"type": "text", "text": message.content}, *shown]}

    def _unreadable(self, why: str) -> ReplyLost:
        return ReplyLost(
            f"{self.identity} sent a reply that is no chat completion ({why}); check that {self._options.base_url} "
            "speaks the chat completions API"
        )

    def _refused(self, error: APIStatusError) -> ChatError:
        advice = _ADVICE.get(error.status_code, "the endpoint is in trouble; try again later")
        kind = RequestRefused if error.status_code in _AS_IT_STANDS else ChatError
        return kind(f"{self.identity} answered {error.status_code}: {error.message}; {advice}")

    def _unheard(self, error: APIConnectionError) -> ChatError | ReplyLost:
        cause = type(error.__cause__).__name__
        if cause in _NEVER_SENT:
            return ChatError(f"no connection to {self._options.base_url} ({error.__cause__}); is the endpoint running?")
        return self._lost(cause)

    def _lost(self, cause: str) -> ReplyLost:
        return ReplyLost(
            f"{self.identity} took the request and sent no whole reply within {self._options.timeout:g} s ({cause}); "
            "raise the timeout or see to the endpoint"
        )


def _format(schema: Mapping[str, Any] | None) -> dict[str, Any]:
    if schema is None:
        return {}
    if schema == ANY_OBJECT:
        return {"response_format": {"type": "json_object"}}
    name = re.sub(r"[^A-Za-z0-9_-]", "_", str(schema.get("title", "reply")))[:64]
    named = {"name": name, "strict": True, "schema": dict(schema)}
    return {"response_format": {"type": "json_schema", "json_schema": named}}


def _pause(error: APIStatusError, tried: int) -> float | None:
    """Seconds until the next try, None if there is to be none."""
    status, headers = error.status_code, error.response.headers
    if error.code == _OUT_OF_QUOTA or not (status in (408, 429) or status >= 500) or status in _AS_IT_STANDS:
        return None
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            asked = float(headers[name]) / unit
        except (KeyError, ValueError):  # absent, or a date, which nobody's chat endpoint sends
            continue
        return asked if 0 <= asked <= LONGEST_PAUSE else None
    return _own_pause(tried)


def _own_pause(tried: int) -> float:
    """Twice as long each time, with a random part so that those refused together do not come back together."""
    return min(_FIRST_PAUSE * 2.0**tried, _LONGEST_OWN_PAUSE) * random.uniform(0.75, 1.0)


def _data_url(picture: Picture, side: int) -> str:
    """A JPEG copy, its longest side at most `side` pixels: a critic needs no more, and tokens cost money."""
    from PIL.Image import Resampling

    image = picture.image()
    image.thumbnail((side, side), Resampling.LANCZOS)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"
