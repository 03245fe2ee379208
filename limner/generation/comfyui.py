"""Pictures from a ComfyUI server, by a workflow of yours.

Each picture is one entry in the server's queue, asked for by polling, so that nothing but HTTP is needed. An entry is
sent again only if the server said that it did not take it. What it cannot draw is that picture's `Failure`; an entry
whose end is not known is `ReplyLost`, which stays charged.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from limner.errors import GenerationError, ReplyLost
from limner.generation.comfyui_workflow import read
from limner.pictures import encode
from limner.types import Failure, Picture, Recipe, Terms

if TYPE_CHECKING:
    from httpx2 import Response

ADDRESS = "http://127.0.0.1:8188"
"""Where ComfyUI listens by default."""
_TRIES = 3
_LONGEST_POLL_S = 1.0


class ComfyUI:
    """A workflow on a server as a generator; `batch` entries wait in its queue at once, `timeout` seconds for each.

    Such a server is usually one's own: without `price_per_call` (USD) its pictures are free.
    """

    def __init__(
        self,
        workflow: str | Path,
        *,
        base_url: str | None = None,
        batch: int | None = None,
        price_per_call: float | None = None,
        timeout: float = 600.0,
    ) -> None:
        """Read the workflow; nothing is sent yet.

        Raises:
            UnknownModel, UsageError: no such workflow, or one without the slots that are needed.
        """
        import httpx2

        self._path = Path(workflow).expanduser()
        self._workflow = read(self._path)
        self._timeout = timeout
        self._client = httpx2.Client(base_url=base_url or ADDRESS, timeout=min(timeout, 30.0))
        self.terms = Terms(local=False, batch=batch or 4, price_per_call=price_per_call or 0.0)

    @cached_property
    def identity(self) -> str:
        """The workflow's name and hash, and the server's address."""
        server = urlsplit(str(self._client.base_url)).netloc
        return f"comfyui:{self._path.name}@{self._workflow.hash}@{server}"

    def generate(self, recipes: Sequence[Recipe]) -> list[Picture | Failure]:
        """Queue each recipe and fetch its picture."""
        if not recipes:
            return []
        with ThreadPoolExecutor(min(len(recipes), self.terms.batch)) as pool:
            return list(pool.map(self._draw, recipes))

    def close(self) -> None:
        """Close the kept connections."""
        self._client.close()

    def _draw(self, recipe: Recipe) -> Picture | Failure:
        try:
            data = self._fetched(self._finished(self._queued(self._workflow.filled(recipe))))
            image = Picture(data, recipe, self.identity).image()
        except (GenerationError, ReplyLost) as error:
            return Failure(type(error).__name__, str(error))
        except OSError as error:
            return Failure("GenerationError", f"{self.identity} sent no readable picture: {error}. Draw it again.")
        stated = self._workflow.stated(recipe)
        return Picture(encode(image, stated, self.identity), recipe, self.identity)

    def _queued(self, graph: Mapping[str, Any]) -> str:
        """The server's id of the entry.

        Raises:
            GenerationError: it did not take it.
            ReplyLost: nobody knows whether it did.
        """
        import httpx2

        request = {"prompt": graph, "client_id": uuid.uuid4().hex}
        for tried in range(1, _TRIES + 1):
            try:
                reply = self._client.post("/prompt", json=request)
            except httpx2.ConnectError as error:
                raise GenerationError(
                    f"No ComfyUI server at {self._client.base_url}: {error}. Start it, or give its base URL."
                ) from error
            except httpx2.HTTPError as error:
                raise ReplyLost(f"{self.identity} was sent an entry and did not answer: {error!r}.") from error
            if not _busy(reply) or tried == _TRIES:
                break
            time.sleep(0.2 * 2**tried)
        said = _json(reply)
        if reply.is_success and isinstance(said.get("prompt_id"), str) and not said.get("node_errors"):
            return str(said["prompt_id"])
        raise GenerationError(f"ComfyUI did not take the workflow ({reply.status_code}): {_complaint(said)}.")

    def _finished(self, entry: str) -> Mapping[str, str]:
        """Where the picture of an entry lies.

        Raises:
            GenerationError: drawing it failed, or it came to no picture.
            ReplyLost: the server is gone, or the time is up.
        """
        end, pause, lost = time.monotonic() + self._timeout, 0.05, 0
        while time.monotonic() < end:
            said = self._asked(f"/history/{entry}")
            lost = 0 if said is not None else lost + 1
            if lost == _TRIES:
                raise ReplyLost(f"{self.identity} took an entry and does not answer any more.")
            if isinstance(done := (said or {}).get(entry), dict):
                return _picture_of(done)
            time.sleep(pause)
            pause = min(1.5 * pause, _LONGEST_POLL_S)
        raise ReplyLost(f"{self.identity} has not drawn an entry within {self._timeout:g} s.")

    def _asked(self, path: str) -> dict[str, Any] | None:
        import httpx2

        try:
            reply = self._client.get(path)
        except httpx2.HTTPError:
            return None
        return _json(reply) if reply.is_success else None

    def _fetched(self, where: Mapping[str, str]) -> bytes:
        """The bytes of a finished picture; asking again costs nothing.

        Raises:
            ReplyLost: it cannot be had.
        """
        import httpx2

        problem: object = None
        for _ in range(_TRIES):
            try:
                reply = self._client.get("/view", params=dict(where))
            except httpx2.HTTPError as error:
                problem = repr(error)
                continue
            if reply.is_success:
                return reply.content
            problem = reply.status_code
        raise ReplyLost(f"{self.identity} drew a picture and does not send it ({problem}).")


def _busy(reply: Response) -> bool:
    return reply.status_code == 429 or reply.status_code >= 500


def _picture_of(done: Mapping[str, Any]) -> Mapping[str, str]:
    status = done.get("status")
    if isinstance(status, dict) and status.get("status_str") == "error":
        raise GenerationError(f"ComfyUI failed on the workflow: {_failure(status)}.")
    outputs = done.get("outputs")
    nodes = outputs.values() if isinstance(outputs, dict) else []
    images = [one for node in nodes for one in node.get("images", []) if isinstance(one, dict) and one.get("filename")]
    if not images:
        raise GenerationError("The workflow came to no picture: a filter withheld it, or nothing in it saves one.")
    saved = [one for one in images if one.get("type") == "output"] or images
    return {key: str(saved[0].get(key, "")) for key in ("filename", "subfolder", "type")}


def _failure(status: Mapping[str, Any]) -> str:
    for kind, details in status.get("messages") or []:
        if kind == "execution_error" and isinstance(details, dict):
            return f"{details.get('node_type')} (node {details.get('node_id')}): {details.get('exception_message')}"
        if kind == "execution_interrupted":
            return "it was interrupted"
    return "it does not say why"


def _complaint(said: Mapping[str, Any]) -> str:
    """What the server says is wrong, node by node where it names them."""
    nodes = said.get("node_errors")
    found = [
        f"{node.get('class_type')} (node {name}): {one.get('message')} {one.get('details', '')}".strip()
        for name, node in (nodes.items() if isinstance(nodes, dict) else ())
        for one in node.get("errors", [])
    ]
    error = said.get("error")
    return "; ".join(found) or str(error.get("message") if isinstance(error, dict) else error or "no reason given")


def _json(reply: Response) -> dict[str, Any]:
    try:
        content = reply.json()
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
