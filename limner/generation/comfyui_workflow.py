"""A ComfyUI workflow in API form with named slots, into which a recipe is put.

A node whose title is `limner:prompt` (or several names, `limner:seed,steps,cfg`) holds those slots. Instead, a file
beside the workflow, `NAME.slots.json`, may say {"prompt": ["6", "text"]}: slot to node id and input.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from limner.errors import GenerationError, UnknownModel, UsageError
from limner.types import Prompt, Recipe, short_hash

TITLE = "limner:"
INPUTS: dict[str, tuple[str, ...]] = {
    "prompt": ("text", "prompt", "value", "string"),
    "negative": ("text", "prompt", "value", "string"),
    "seed": ("seed", "noise_seed", "value"),
    "steps": ("steps", "value"),
    "cfg": ("cfg", "guidance", "value"),
    "width": ("width", "value"),
    "height": ("height", "value"),
    "sampler": ("sampler_name", "value"),
}
"""Slots, and the inputs that may hold them, the first that a node has."""
NEEDED = ("prompt", "seed")
_MOST_BYTES = 10_000_000

Place = tuple[str, str]
"""A node's id and the name of one of its inputs."""


class Workflow:
    """The graph and its slots."""

    def __init__(self, graph: Mapping[str, Any], slots: Mapping[str, Place]) -> None:
        self._graph, self._slots = graph, slots

    @property
    def hash(self) -> str:
        """Twelve hex digits of graph and slots."""
        return short_hash(json.dumps([self._graph, self._slots], sort_keys=True))

    def filled(self, recipe: Recipe) -> dict[str, Any]:
        """The graph that draws the recipe; what it leaves open stays as the workflow has it.

        Raises:
            GenerationError: the recipe says something for which the workflow has no slot.
        """
        wanted = {
            "prompt": recipe.prompt.text, "negative": recipe.prompt.negative or None, "seed": recipe.seed,
            "steps": recipe.steps, "cfg": recipe.guidance, "width": recipe.width, "height": recipe.height,
            "sampler": recipe.scheduler,
        }  # fmt: skip
        graph = copy.deepcopy(dict(self._graph))
        for slot, value in wanted.items():
            if value is None:
                continue
            if slot not in self._slots:
                raise GenerationError(
                    f"The workflow has no slot {slot!r} for {value!r}. Title a node `{TITLE}{slot}`, or leave it out."
                )
            node, name = self._slots[slot]
            graph[node]["inputs"][name] = value
        return graph

    def stated(self, recipe: Recipe) -> Recipe:
        """The recipe with what the workflow has in its slots where the recipe leaves them open."""
        return replace(
            recipe,
            prompt=Prompt(recipe.prompt.text, recipe.prompt.negative or self._own("negative", str) or ""),
            steps=recipe.steps or self._own("steps", int),
            guidance=recipe.guidance if recipe.guidance is not None else self._own("cfg", float, int),
            scheduler=recipe.scheduler or self._own("sampler", str),
        )

    def _own(self, slot: str, *kinds: type) -> Any:
        """What the workflow itself has in a slot; None without the slot, or where it holds something else."""
        node, name = self._slots.get(slot, ("", ""))
        value = self._graph[node]["inputs"][name] if node else None
        return value if isinstance(value, kinds) and not isinstance(value, bool) else None


def read(path: Path) -> Workflow:
    """The workflow of a file that ComfyUI wrote by "Export (API)".

    Raises:
        UnknownModel: there is no such file.
        UsageError: not a workflow in API form, or a slot is missing or leads nowhere.
    """
    graph = _json(path)
    if not graph or not all(isinstance(node, dict) and isinstance(node.get("inputs"), dict) for node in graph.values()):
        raise UsageError(f"{path} is no workflow in API form. Save it in ComfyUI by `Export (API)`.")
    beside = path.with_suffix(".slots.json")
    slots = _listed(_json(beside), graph, beside) if beside.is_file() else _titled(graph, path)
    if missing := [slot for slot in NEEDED if slot not in slots]:
        raise UsageError(
            f"{path} has no slot for {' and '.join(missing)}. Title the node that takes it `{TITLE}{missing[0]}`, or "
            f"write {beside.name} beside it."
        )
    return Workflow(graph, slots)


def _titled(graph: Mapping[str, Any], path: Path) -> dict[str, Place]:
    slots: dict[str, Place] = {}
    for node, content in graph.items():
        meta = content.get("_meta")
        title = str(meta.get("title", "") if isinstance(meta, dict) else "").strip()
        if title.startswith(TITLE):
            for slot in title.removeprefix(TITLE).split(","):
                slots[slot.strip()] = _place(slot.strip(), node, content["inputs"], path)
    return slots


def _place(slot: str, node: str, inputs: Mapping[str, Any], path: Path) -> Place:
    found = [name for name in INPUTS.get(slot, ()) if name in inputs and not isinstance(inputs[name], list)]
    if not found:
        raise UsageError(
            f"{path}: node {node} is titled `{TITLE}{slot}` and has no input for it (it has {', '.join(inputs)}). "
            f"Slots are {', '.join(INPUTS)}."
        )
    return node, found[0]


def _listed(listed: Mapping[str, Any], graph: Mapping[str, Any], path: Path) -> dict[str, Place]:
    slots: dict[str, Place] = {}
    for slot, place in listed.items():
        fits = isinstance(place, list) and len(place) == 2 and slot in INPUTS
        if not fits or str(place[1]) not in graph.get(str(place[0]), {"inputs": {}})["inputs"]:
            raise UsageError(f"{path}: {slot!r}: {place!r} leads nowhere. Say a slot, a node's id and its input.")
        slots[slot] = (str(place[0]), str(place[1]))
    return slots


def _json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UsageError(f"{path} has more than {_MOST_BYTES} bytes. Name a workflow.")
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnknownModel(f"Cannot read the workflow {path}: {error.strerror}. Check the path.") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not JSON ({error}). Save it in ComfyUI by `Export (API)`.") from error
    if not isinstance(content, dict):
        raise UsageError(f"{path} is not a JSON object. Save it in ComfyUI by `Export (API)`.")
    return content
