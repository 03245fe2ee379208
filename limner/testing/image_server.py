"""An OpenAI images server on loopback, for tests of clients against real sockets.

It draws with any generator, counts its own calls, and can be told to misbehave call by call. It serves no longer than
its lifetime, so that a forgotten one does not outlive its test.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread, Timer
from types import TracebackType
from typing import Any, Literal, Self

from limner.protocols import Generator
from limner.testing.fakes import HashGenerator
from limner.types import Failure, Picture, Prompt, Recipe

Behaviour = Literal["fine", "limit", "error", "refuse", "unauthorized", "unknown", "hang", "cut", "garbage"]
"""What a call meets: a picture, 429, 500, 400 (content policy), 401, 404, silence, half a reply, no picture."""

_MAX_BODY = 1_000_000
_ERRORS: dict[str, tuple[int, str]] = {
    "limit": (429, "rate_limit_exceeded"),
    "error": (500, "server_error"),
    "refuse": (400, "content_policy_violation"),
    "unauthorized": (401, "invalid_api_key"),
    "unknown": (404, "model_not_found"),
}


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say what went wrong, unless it is that the client was killed: that is what some tests are about."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class ImageServer:
    """Serves `POST /v1/images/generations` and `GET /count` between `with` and its end; `base_url` is for the client.

    `script` says what the first calls meet, in order of arrival; later ones are fine. `requests` holds their bodies.
    """

    def __init__(
        self, generator: Generator | None = None, script: Sequence[Behaviour] = (), *, lifetime: float = 120.0
    ) -> None:
        self.requests: list[Mapping[str, Any]] = []
        self._generator = generator or HashGenerator()
        self._script = tuple(script)
        self._lock = Lock()
        self._stopped = Event()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._timer = Timer(lifetime, self.stop)
        self._timer.daemon = True

    @property
    def base_url(self) -> str:
        """Address to give to a client."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    @property
    def calls(self) -> int:
        """Requests for pictures that arrived, refused ones included."""
        return len(self.requests)

    def __enter__(self) -> Self:
        """Start serving."""
        self._thread.start()
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop serving."""
        self._timer.cancel()
        self.stop()

    def stop(self) -> None:
        """Stop serving now; calls that hang are let go."""
        if not self._stopped.is_set():
            self._stopped.set()
            self._server.shutdown()
            self._server.server_close()

    def wait(self, seconds: float | None = None) -> bool:
        """Hold until the server stops; False if it still runs after `seconds`."""
        return self._stopped.wait(seconds)

    def arrived(self, body: Mapping[str, Any]) -> Behaviour:
        """Note a request and say what it meets."""
        with self._lock:
            place = len(self.requests)
            self.requests.append(body)
        return self._script[place] if place < len(self._script) else "fine"

    def draw(self, recipe: Recipe) -> Picture | Failure:
        """The picture that a request asks for."""
        return self._generator.generate([recipe])[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(_Handler):
            images = server

        return Handler


class _Handler(BaseHTTPRequestHandler):
    images: ImageServer
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        if self.path.rstrip("/").endswith("/count"):
            self._reply(200, {"calls": self.images.calls})
        else:
            self._error(404, "not_found")

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > _MAX_BODY:
            self.close_connection = True
            return self._error(413, "too_large")
        sent = self.rfile.read(length)
        if not self.path.endswith("/images/generations"):
            return self._error(404, "not_found")
        try:
            body = json.loads(sent)
            recipe = _recipe(body)
        except (ValueError, TypeError, AttributeError):
            return self._error(400, "invalid_request")
        return self._meet(self.images.arrived(body), recipe)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: tests read `requests`."""

    def _meet(self, behaviour: Behaviour, recipe: Recipe) -> None:
        if behaviour in _ERRORS:
            return self._error(*_ERRORS[behaviour])
        if behaviour == "hang":
            self.close_connection = True
            self.images.wait()
            return None
        if behaviour == "garbage":
            return self._reply(200, {"created": 0, "data": [{"b64_json": "bm90IGEgcGljdHVyZQ=="}]})
        drawn = self.images.draw(recipe)
        if isinstance(drawn, Failure):
            return self._error(400, "content_policy_violation")
        reply = {"created": 0, "data": [{"b64_json": base64.b64encode(drawn.png).decode()}]}
        return self._reply(200, reply, cut=behaviour == "cut")

    def _error(self, status: int, code: str) -> None:
        self._reply(
            status, {"error": {"message": f"told to answer {code}", "type": "test", "param": None, "code": code}}
        )

    def _reply(self, status: int, content: Mapping[str, Any], *, cut: bool = False) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("retry-after-ms", "10")
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if cut else data)
        self.close_connection = self.close_connection or cut


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
