"""An OpenAI chat completions server on loopback, for tests of clients against real sockets.

It replies what a function of the request says, counts its calls, and can be told to misbehave call by call. It serves
no longer than its lifetime, so that a forgotten one does not outlive its test.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread, Timer
from types import TracebackType
from typing import Any, Literal, Self

ChatBehaviour = Literal[
    "fine", "limit", "error", "bad", "unauthorized", "unknown", "hang", "cut", "garbage",
    "refuse", "filter", "length", "empty", "no_usage",
]  # fmt: skip
"""What a call meets: a reply, 429, 500, 400, 401, 404, silence, half a reply, no JSON; or a reply that is a refusal,
filtered, cut off at its token limit, empty, or without usage."""

_MAX_BODY = 10_000_000
_ERRORS: dict[str, tuple[int, str]] = {
    "limit": (429, "rate_limit_exceeded"),
    "error": (500, "server_error"),
    "bad": (400, "invalid_request_error"),
    "unauthorized": (401, "invalid_api_key"),
    "unknown": (404, "model_not_found"),
}
_FINISH = {"filter": "content_filter", "length": "length"}


class ChatServer:
    """Serves `POST /v1/chat/completions` between `with` and its end; `base_url` is for the client.

    `reply` makes the text from the request's body. `script` says what the first calls meet, in order of arrival; later
    ones are fine. `requests` holds their bodies, `keys` the API keys that they came with.
    """

    def __init__(
        self,
        reply: Callable[[Mapping[str, Any]], str],
        script: Sequence[ChatBehaviour] = (),
        *,
        lifetime: float = 120.0,
    ) -> None:
        self.requests: list[Mapping[str, Any]] = []
        self.keys: list[str] = []
        self._reply, self._script = reply, tuple(script)
        self._lock, self.stopped = Lock(), Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"chat": self}))
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
            if self.stopped.is_set():
                return
            self.stopped.set()
        self._server.shutdown()
        self._server.server_close()

    def arrived(self, body: Mapping[str, Any], key: str) -> ChatBehaviour:
        """Note a request and say what it meets."""
        with self._lock:
            place = len(self.requests)
            self.requests.append(body)
            self.keys.append(key)
        return self._script[place] if place < len(self._script) else "fine"

    def completion(self, body: Mapping[str, Any], behaviour: ChatBehaviour) -> dict[str, Any]:
        """The body of a reply."""
        text = "" if behaviour == "empty" else self._reply(body)
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if behaviour == "refuse":
            message = {"role": "assistant", "content": None, "refusal": "I cannot help with that."}
        whole: dict[str, Any] = {
            "id": f"chatcmpl-{self.calls}",
            "object": "chat.completion",
            "created": 0,
            "model": f"{body['model']}-served",
            "choices": [{"index": 0, "message": message, "finish_reason": _FINISH.get(behaviour, "stop")}],
        }
        if behaviour != "no_usage":
            told = sum(len(str(message["content"]).split()) for message in body["messages"])
            said = len(text.split())
            whole["usage"] = {"prompt_tokens": told, "completion_tokens": said, "total_tokens": told + said}
        return whole


class _Handler(BaseHTTPRequestHandler):
    chat: ChatServer
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > _MAX_BODY:
            self.close_connection = True
            return self._error(413, "too_large")
        body = json.loads(self.rfile.read(length))
        if not self.path.endswith("/chat/completions"):
            return self._error(404, "not_found")
        key = str(self.headers.get("Authorization") or "").removeprefix("Bearer ")
        return self._meet(self.chat.arrived(body, key), body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: tests read `requests`."""

    def _meet(self, behaviour: ChatBehaviour, body: Mapping[str, Any]) -> None:
        if behaviour in _ERRORS:
            return self._error(*_ERRORS[behaviour])
        if behaviour == "hang":
            self.close_connection = True
            self.chat.stopped.wait()
            return None
        text = "<html>" if behaviour == "garbage" else json.dumps(self.chat.completion(body, behaviour))
        return self._send(200, text, cut=behaviour == "cut")

    def _error(self, status: int, code: str) -> None:
        error = {"message": f"told to answer {code}", "type": "test", "param": None, "code": code}
        self._send(status, json.dumps({"error": error}))

    def _send(self, status: int, text: str, *, cut: bool = False) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("retry-after-ms", "10")
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if cut else data)
        self.close_connection = self.close_connection or cut
