"""The frame of the servers on loopback: real sockets, an own count of calls, misbehaviour call by call.

A server lives no longer than its lifetime, so that a forgotten one does not outlive its test. What it serves is decided
by `answer`; what a call meets before that (an error, silence, half a reply) is the same for all.
"""

from __future__ import annotations

import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread, Timer
from types import TracebackType
from typing import Any, Self

ERRORS: dict[str, tuple[int, str]] = {
    "limit": (429, "rate_limit_exceeded"),
    "quota": (429, "insufficient_quota"),
    "error": (500, "server_error"),
    "bad": (400, "invalid_request_error"),
    "unauthorized": (401, "invalid_api_key"),
    "unknown": (404, "model_not_found"),
}
"""Status and code of the errors that a call may meet."""
RETRY_AFTER_MS = 10
_DRIPS, _DRIP_S = 1000, 0.1


@dataclass(frozen=True, slots=True)
class Answered:
    """What goes back: a status and a body, whole or not; `data` where it is no text."""

    status: int
    text: str
    data: bytes | None = None

    @classmethod
    def error(cls, status: int, code: str) -> Self:
        """An error in the form that OpenAI's API has."""
        error = {"message": f"told to answer {code}", "type": "test", "param": None, "code": code}
        return cls(status, json.dumps({"error": error}))


class Loopback(ABC):
    """Serves POST requests for one path, and `GET .../count`, between `with` and its end; `base_url` is for the client.

    `script` says what the first calls meet, in order of arrival; later ones are fine. `requests` holds their bodies,
    `keys` the API keys that they came with.
    """

    path: str
    """How the path ends that is served."""
    most_bytes = 10_000_000
    """The longest request that is read."""

    def __init__(self, script: Sequence[str] = (), *, lifetime: float = 120.0) -> None:
        self.requests: list[Mapping[str, Any]] = []
        self.keys: list[str] = []
        self._script = tuple(script)
        self._lock, self._stopped = Lock(), Event()
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"loopback": self}))
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._timer = Timer(lifetime, self.stop)
        self._timer.daemon = True

    @abstractmethod
    def answer(self, body: Mapping[str, Any], behaviour: str) -> Answered:
        """The reply to a request that makes sense."""

    def page(self, path: str) -> Answered | None:
        """What there is to GET at this path, besides the count; None is nothing."""
        return None

    @abstractmethod
    def check(self, body: Any) -> None:
        """See whether a request makes sense; one that makes none is answered 400 and not counted.

        Raises:
            ValueError, TypeError, AttributeError: it makes none.
        """

    def meets(self, body: Mapping[str, Any], place: int) -> str:
        """What the call that arrived in this place (from 0) meets."""
        return self._script[place] if place < len(self._script) else "fine"

    @property
    def base_url(self) -> str:
        """Address to give to a client."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    @property
    def calls(self) -> int:
        """Requests that arrived, refused ones included."""
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
        with self._lock:
            if self._stopped.is_set():
                return
            self._stopped.set()
        self._server.shutdown()
        self._server.server_close()

    def wait(self, seconds: float | None = None) -> bool:
        """Hold until the server stops; False if it still runs after `seconds`."""
        return self._stopped.wait(seconds)

    def arrived(self, body: Mapping[str, Any], key: str) -> str:
        """Note a request and say what it meets."""
        with self._lock:
            place = len(self.requests)
            self.requests.append(body)
            self.keys.append(key)
        return self.meets(body, place)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say what went wrong, unless it is that the client hung up or was killed: some tests are about that."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    loopback: Loopback
    protocol_version = "HTTP/1.1"
    timeout = 30
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        if self.path.rstrip("/").endswith("/count"):
            self._send(Answered(200, json.dumps({"calls": self.loopback.calls})))
        else:
            self._send(self.loopback.page(self.path) or Answered.error(404, "not_found"))

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > self.loopback.most_bytes:
            self.close_connection = True
            return self._send(Answered.error(413, "too_large"))
        sent = self.rfile.read(length)
        if not self.path.endswith(self.loopback.path):
            return self._send(Answered.error(404, "not_found"))
        return self._meet(sent, str(self.headers.get("Authorization") or "").removeprefix("Bearer "))

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: tests read `requests`."""

    def _meet(self, sent: bytes, key: str) -> None:
        try:
            body = json.loads(sent)
            self.loopback.check(body)
        except (ValueError, TypeError, AttributeError):
            return self._send(Answered.error(400, "invalid_request"))
        behaviour = self.loopback.arrived(body, key)
        if behaviour in ERRORS:
            return self._send(Answered.error(*ERRORS[behaviour]))
        if behaviour == "hang":
            self.close_connection = True
            self.loopback.wait()
            return None
        return self._send(self.loopback.answer(body, behaviour), behaviour)

    def _send(self, answered: Answered, behaviour: str = "fine") -> None:
        data = answered.text.encode() if answered.data is None else answered.data
        self.send_response(answered.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("retry-after-ms", str(RETRY_AFTER_MS))
        self.end_headers()
        if behaviour in ("cut", "drip"):
            self.close_connection = True
            self.wfile.write(data[: len(data) // 2])
            self._drip() if behaviour == "drip" else None
        else:
            self.wfile.write(data)

    def _drip(self) -> None:
        """Go on so slowly that no single read of the client times out."""
        for _ in range(_DRIPS):
            self.wfile.write(b" ")
            self.wfile.flush()
            if self.loopback.wait(_DRIP_S):
                return
