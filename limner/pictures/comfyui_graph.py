"""What a ComfyUI graph (the `prompt` entry, in API form) says a picture was made from.

A value is looked for upstream of the sampler, along the inputs that may lead to it, so a workflow may be wired as it
likes: with a guider, a noise node, primitives. (`sd-parsers` knows graphs around one KSampler alone, and no sizes.)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from limner.pictures.made import Made, decimal, number

_SAMPLERS = ({"steps", "sampler_name"}, {"noise", "guider"}, {"noise_seed", "sigmas"}, {"steps", "text_embeds"})
"""Inputs by which a sampler is known: KSampler and its kin, SamplerCustomAdvanced, SamplerCustom, video samplers."""
_TEXTS = ("text", "text_g", "text_l", "t5xxl", "clip_l", "prompt", "string", "value")
_APART = {"clip", "model", "vae", "control_net", "image"}
"""Inputs that lead to no text."""
_PRIMITIVE = ("value", "int", "float", "number")
_MODELS = ("ckpt_name", "unet_name", "model_name", "model")

Graph = dict[str, Mapping[str, Any]]
"""Inputs of each node, by its id: a value, or a link as [node id, output]."""


def made(content: Mapping[str, Any]) -> Made | None:
    """What a graph says, by its first pass where it has several; None where nothing in it samples."""
    graph: Graph = {
        str(node): said["inputs"]
        for node, said in content.items()
        if isinstance(said, dict) and isinstance(said.get("inputs"), dict)
    }
    start = _first_sampler(graph)
    if start is None:
        return None

    def found(keys: Sequence[str], *ways: str) -> Any:
        return next(_values(graph, start, keys, ways), None)

    texts = {side: ", ".join(_texts(graph, start, side)) for side in ("positive", "negative")}
    guidance = found(("cfg", "guidance", *_PRIMITIVE), "cfg", "guider", "positive")
    return Made(
        "ComfyUI", texts["positive"], texts["negative"],
        seed=number(found(("seed", "noise_seed", *_PRIMITIVE), "seed", "noise_seed", "noise")),
        steps=number(found(("steps", *_PRIMITIVE), "steps", "sigmas")),
        guidance=decimal(guidance),
        sampler=_word(found(("sampler_name",), "sampler_name", "sampler")),
        scheduler=_word(found(("scheduler",), "scheduler", "sigmas")),
        width=number(found(("width", *_PRIMITIVE), "latent_image", "samples", "image_embeds")),
        height=number(found(("height", *_PRIMITIVE), "latent_image", "samples", "image_embeds")),
        model=_word(found(_MODELS, "model", "guider")),
    )  # fmt: skip


def _first_sampler(graph: Graph) -> str | None:
    """The sampler with no other one upstream of it: later ones refine what it made."""
    samplers = [node for node, inputs in graph.items() if any(needed <= inputs.keys() for needed in _SAMPLERS)]
    for node in samplers:
        upstream = set(_upstream(graph, list(_links(graph[node].values()))))
        if not upstream & (set(samplers) - {node}):
            return node
    return samplers[0] if samplers else None


def _values(graph: Graph, start: str, keys: Sequence[str], ways: Sequence[str]) -> Iterator[Any]:
    """Plain values under these keys: of the node itself, else nearest first along its inputs `ways`."""
    inputs = graph[start]
    yield from (inputs[key] for key in keys if key in inputs and _is_plain(inputs[key]))
    for node in _upstream(graph, list(_links(inputs[way] for way in ways if way in inputs))):
        yield from (graph[node][key] for key in keys if key in graph[node] and _is_plain(graph[node][key]))


def _texts(graph: Graph, start: str, side: str) -> list[str]:
    """The texts of one side, each once, nearest first."""
    inputs = graph[start]
    if not _links([inputs.get(side)]) and (through := _links([inputs.get("guider"), inputs.get("text_embeds")])):
        inputs = graph.get(through[0], {})
    own = inputs.get(f"{side}_prompt")
    if isinstance(own, str):
        return [own]
    ways = (side, "conditioning", "cond1") if side == "positive" else (side,)
    starts = _links(inputs[way] for way in ways if way in inputs)
    texts: dict[str, None] = {}
    for node in _upstream(graph, starts, partial(_towards_texts, side)):
        said = (graph[node].get(key) for key in _TEXTS)
        texts |= dict.fromkeys(text.strip() for text in said if isinstance(text, str) and text.strip())
    return list(texts)


def _towards_texts(side: str, inputs: Mapping[str, Any]) -> list[Any]:
    """The inputs that may lead to texts of this side: none beyond a text, and one side of nodes that take both."""
    if any(isinstance(inputs.get(key), str) for key in _TEXTS):
        return []
    if {"positive", "negative"} <= inputs.keys():
        return [inputs[side]]
    return [value for name, value in inputs.items() if name not in _APART]


def _upstream(
    graph: Graph, starts: Sequence[str], follow: Callable[[Mapping[str, Any]], Iterable[Any]] = Mapping.values
) -> Iterator[str]:
    """Nodes from these on, nearest first, each once, along the inputs that `follow` gives."""
    waiting, seen = deque(starts), set(starts)
    while waiting:
        node = waiting.popleft()
        if node not in graph:
            continue
        yield node
        new = [one for one in _links(follow(graph[node])) if one not in seen]
        seen.update(new)
        waiting.extend(new)


def _links(values: Iterable[Any]) -> list[str]:
    """The nodes to which inputs lead."""
    return [str(one[0]) for one in values if isinstance(one, list) and len(one) == 2 and isinstance(one[0], str | int)]


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _word(value: Any) -> str | None:
    return str(value) if isinstance(value, str) and value else None
