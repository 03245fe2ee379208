"""A ComfyUI server on loopback: a queue, a history and pictures to fetch, and misbehaviour entry by entry."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from limner.protocols import Generator
from limner.testing.fakes import HashGenerator
from limner.testing.loopback import Answered, Loopback
from limner.types import Failure, Prompt, Recipe

ComfyBehaviour = Literal["fine", "slow", "limit", "error", "nodes", "execution", "nsfw", "half", "hang", "cut", "lost"]
"""What an entry meets: a picture, one after some polls, 429, 500, node errors, an error while drawing, no picture,
half a picture, silence, half a reply, a server that is gone once it has taken the entry."""

_SAMPLER = {"seed": 0, "steps": 20, "cfg": 8.0, "sampler_name": "euler", "model": ["4", 0], "positive": ["6", 0]}
WORKFLOW: dict[str, Any] = {
    "3": {"class_type": "KSampler", "inputs": _SAMPLER, "_meta": {"title": "limner:seed,steps,cfg"}},
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd.safetensors"}},
    "5": {
        "class_type": "EmptyLatentImage",
        "inputs": {"width": 32, "height": 32, "batch_size": 1},
        "_meta": {"title": "limner:width,height"},
    },
    "6": {
        "class_type": "CLIPTextEncode",
        "inputs": {"text": "", "clip": ["4", 1]},
        "_meta": {"title": "limner:prompt"},
    },
    "7": {
        "class_type": "CLIPTextEncode",
        "inputs": {"text": "ugly"},
        "_meta": {"title": "limner:negative"},
    },
    "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0]}},
}
"""A workflow in API form with titled nodes for all slots but the sampler's."""


class ComfyServer(Loopback):
    """Serves `/prompt`, `/history/ID` and `/view`; draws with any generator from a graph with titled nodes.

    Nodes titled `limner:prompt`, `limner:negative`, `limner:seed` and so on are read back into a recipe.
    """

    path = "/prompt"

    def __init__(
        self, generator: Generator | None = None, script: Sequence[ComfyBehaviour] = (), *, lifetime: float = 120.0
    ) -> None:
        super().__init__(script, lifetime=lifetime)
        self._generator = generator or HashGenerator()
        self._pictures: dict[str, bytes] = {}
        self._history: dict[str, Any] = {}
        self._polls: dict[str, int] = {}
        self._gone: set[str] = set()

    @property
    def base_url(self) -> str:
        """Address to give to a client."""
        return super().base_url.removesuffix("/v1")

    def check(self, body: Any) -> None:
        """An entry makes sense if a recipe can be read from its graph."""
        _recipe(body["prompt"])

    def answer(self, body: Mapping[str, Any], behaviour: str) -> Answered:
        """Take the entry, and draw it at once."""
        if behaviour == "nodes":
            wrong = {"message": "Value not in list", "details": "ckpt_name: 'gone.safetensors'"}
            nodes = {"4": {"class_type": "CheckpointLoaderSimple", "errors": [wrong]}}
            error = {"type": "prompt_outputs_failed_validation", "message": "Prompt outputs failed validation"}
            return Answered(400, json.dumps({"error": error, "node_errors": nodes}))
        (drawn,) = self._generator.generate([_recipe(body["prompt"])])
        with self._lock:
            entry = f"entry-{len(self._history)}"
            self._history[entry] = _ended(entry, behaviour, isinstance(drawn, Failure))
            if not isinstance(drawn, Failure):
                self._pictures[f"{entry}.png"] = drawn.png[: len(drawn.png) // 2] if behaviour == "half" else drawn.png
            self._polls[entry] = 3 if behaviour == "slow" else 0
            if behaviour == "lost":
                self._gone.add(entry)
        return Answered(200, json.dumps({"prompt_id": entry, "number": 1, "node_errors": {}}))

    def page(self, path: str) -> Answered | None:
        """The history of an entry (empty while it waits), or a picture."""
        at = urlsplit(path)
        entry = at.path.removeprefix("/history/")
        if entry in self._gone:
            return Answered(502, "")
        if entry in self._history:
            self._polls[entry] -= 1
            return Answered(200, json.dumps({} if self._polls[entry] >= 0 else {entry: self._history[entry]}))
        name = parse_qs(at.query).get("filename", [""])[0]
        return Answered(200, "", self._pictures[name]) if at.path == "/view" and name in self._pictures else None


def _ended(entry: str, behaviour: str, failed: bool) -> dict[str, Any]:
    if behaviour == "execution" or failed:
        details = {"node_id": "3", "node_type": "KSampler", "exception_message": "CUDA out of memory"}
        status = {"status_str": "error", "completed": False, "messages": [["execution_error", details]]}
        return {"status": status, "outputs": {}}
    images = [] if behaviour == "nsfw" else [{"filename": f"{entry}.png", "subfolder": "", "type": "output"}]
    return {"status": {"status_str": "success", "completed": True}, "outputs": {"9": {"images": images}}}


def _recipe(graph: Mapping[str, Any]) -> Recipe:
    found: dict[str, Any] = {}
    for node in graph.values():
        title = str(node.get("_meta", {}).get("title", ""))
        for slot in title.removeprefix("limner:").split(",") if title.startswith("limner:") else []:
            inputs = node["inputs"]
            found[slot] = inputs["text"] if slot in ("prompt", "negative") else inputs[slot]
    return Recipe(
        Prompt(str(found["prompt"]), str(found.get("negative", ""))), int(found["seed"]), found.get("width"),
        found.get("height"), found.get("steps"), found.get("cfg"),
    )  # fmt: skip
