"""How each program writes down what a picture was made from.

Texts come from strangers. InvokeAI and NovelAI are read by `sd-parsers`, whose parsers are given texts that were found
and bounded by our own reader: the package itself opens no file. The others are read here, because it loses what their
present versions write: quoted values with commas, Fooocus' lists of prompts, ComfyUI's guiders and sizes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from xml.etree import ElementTree

from limner.errors import PictureError
from limner.pictures import comfyui_graph
from limner.pictures.made import Made, decimal, number, words
from limner.pictures.metadata import Metadata

_NEGATIVE = "Negative prompt:"
_PAIR = re.compile(r'\s*([A-Za-z][\w \-/]{0,60}):\s*("(?:\\.|[^\\"])*"|[^,]*)(?:,|$)')
"""AUTOMATIC1111's own expression, with a bound on the key."""
LEAST_PAIRS = 3
"""Pairs that make the last line a line of settings."""
_OURS = {"Steps", "Sampler", "CFG scale", "Seed", "Size", "Model", "Model hash", "Schedule type", "Raw prompt"}

Texts = Mapping[str, str]


def made(texts: Texts) -> Made | None:
    """What the texts of a picture file say, by the first dialect that knows them; None: no dialect does.

    Raises:
        PictureError: an entry is there and makes no sense.
    """
    for dialect in DIALECTS:
        if found := dialect(texts):
            return found
    return None


def limner(texts: Texts) -> Made | None:
    """Our own entry, which has the exact texts."""
    if "limner" not in texts:
        return None
    said = Metadata.from_json(texts["limner"])
    recipe, told = said.recipe, said.instruction
    more: dict[str, Any] = {"instruction": told and {"id": told.id, "text": told.text}, "scores": dict(said.scores)}
    more |= {"session": said.session, "span": said.span, "edit": said.edit and said.edit.known()}
    return Made(
        "limner", recipe.prompt.text, recipe.prompt.negative, recipe.seed, recipe.steps, recipe.guidance,
        recipe.scheduler, None, recipe.width, recipe.height, said.model, None, said.query,
        {key: value for key, value in more.items() if value},
    )  # fmt: skip


def swarm(texts: Texts) -> Made | None:
    """SwarmUI: JSON with `sui_image_params` under `parameters`."""
    fields = _object(texts.get("parameters"))
    if fields is None or not isinstance(said := fields.get("sui_image_params"), dict):
        return None
    known = {
        "prompt",
        "negativeprompt",
        "seed",
        "steps",
        "cfgscale",
        "sampler",
        "scheduler",
        "width",
        "height",
        "model",
    }
    return Made(
        "SwarmUI", str(said.get("prompt", "")), str(said.get("negativeprompt", "")), number(said.get("seed")),
        number(said.get("steps")), decimal(said.get("cfgscale")), words(said.get("sampler")),
        words(said.get("scheduler")), number(said.get("width")), number(said.get("height")), words(said.get("model")),
        _swarm_hash(fields.get("sui_models")), more={key: value for key, value in said.items() if key not in known},
    )  # fmt: skip


def _swarm_hash(models: Any) -> str | None:
    rows = [one for one in models if isinstance(one, dict)] if isinstance(models, list) else []
    return next((words(one.get("hash")) for one in rows if one.get("param") == "model"), None)


def draw_things(texts: Texts) -> Made | None:
    """Draw Things: JSON in `exif:UserComment` of an XMP packet; keys are short (`c` prompt, `uc` negative)."""
    packet = texts.get("XML:com.adobe.xmp")
    if packet is None or "Draw Things" not in packet:
        return None
    said = next(filter(None, map(_object, _comments(packet))), None)
    if said is None or "c" not in said:
        return None
    width, _, height = str(said.get("size", "")).partition("x")
    known = {"c", "uc", "seed", "steps", "scale", "sampler", "size", "model"}
    return Made(
        "Draw Things", str(said["c"]), str(said.get("uc", "")), number(said.get("seed")), number(said.get("steps")),
        decimal(said.get("scale")), words(said.get("sampler")), None, number(width), number(height),
        words(said.get("model")), more={key: value for key, value in said.items() if key not in known},
    )  # fmt: skip


def automatic1111(texts: Texts) -> Made | None:
    """AUTOMATIC1111 and those who write as it does: prompt, negative prompt, a last line of `Key: value` pairs."""
    text = texts.get("parameters", "").strip()
    *lines, last = text.split("\n")
    pairs = {key: _unquoted(value) for key, value in _PAIR.findall(last)}
    if text.startswith("{") or len(pairs) < LEAST_PAIRS:
        return None
    start = next((place for place, line in enumerate(lines) if line.strip().startswith(_NEGATIVE)), len(lines))
    negative = "\n".join(lines[start:]).strip().removeprefix(_NEGATIVE)
    width, _, height = pairs.get("Size", "").partition("x")
    program = "limner" if pairs.get("Version", "").startswith("limner ") else "AUTOMATIC1111"  # our sheets
    return Made(
        program, "\n".join(lines[:start]).strip(), negative.strip(), number(pairs.get("Seed")),
        number(pairs.get("Steps")), decimal(pairs.get("CFG scale")), words(pairs.get("Sampler")),
        words(pairs.get("Schedule type")), number(width), number(height), words(pairs.get("Model")),
        words(pairs.get("Model hash")), words(pairs.get("Raw prompt")),
        {key: value for key, value in pairs.items() if key not in _OURS},
    )  # fmt: skip


def fooocus(texts: Texts) -> Made | None:
    """Fooocus: JSON under `parameters`, with the user's own `prompt` and lists of what its styles made of it."""
    said = _object(texts.get("parameters"))
    if said is None or "Fooocus" not in str(said.get("version")):
        return None
    drawn, avoided = (said.get(f"full_{name}") or said.get(name, "") for name in ("prompt", "negative_prompt"))
    width, height = [*re.findall(r"\d+", str(said.get("resolution", ""))), "", ""][:2]
    known = {"prompt", "negative_prompt", "full_prompt", "full_negative_prompt", "seed", "steps", "guidance_scale"}
    known |= {"sampler", "scheduler", "resolution", "base_model", "base_model_hash"}
    return Made(
        "Fooocus", _listed(drawn), _listed(avoided), number(said.get("seed")), number(said.get("steps")),
        decimal(said.get("guidance_scale")), words(said.get("sampler")), words(said.get("scheduler")), number(width),
        number(height), words(said.get("base_model")), words(said.get("base_model_hash")), words(said.get("prompt")),
        {key: value for key, value in said.items() if key not in known},
    )  # fmt: skip


def _listed(value: Any) -> str:
    """One text of several, joined as Fooocus does for AUTOMATIC1111."""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def comfyui(texts: Texts) -> Made | None:
    """ComfyUI: its graph under `prompt`."""
    graph = _object(texts.get("prompt"))
    return None if graph is None else comfyui_graph.made(graph)


def others(texts: Texts) -> Made | None:
    """InvokeAI and NovelAI, by the parsers of `sd-parsers`.

    Raises:
        PictureError: a parser stumbled over the entry.
    """
    from sd_parsers.exceptions import ParserError
    from sd_parsers.parsers import InvokeAIParser, NovelAIParser

    for kind in (InvokeAIParser, NovelAIParser):
        try:
            return _from_parser(kind().parse(dict(texts)), _object(texts.get("invokeai_metadata")) or {})
        except ParserError:
            continue
        except Exception as error:
            raise PictureError(
                f"The entry looks like {kind.generator.value}'s and cannot be read ({type(error).__name__}: {error}). "
                "Strip its metadata, or read the picture in that program."
            ) from error
    return None


def _from_parser(said: Any, entry: Mapping[str, Any]) -> Made:
    sampler = next(iter(said.samplers), None)
    settings = dict(sampler.parameters) if sampler else {}
    size = {**said.metadata, **settings}
    model, named = sampler.model if sampler else None, entry.get("model")
    own = named if isinstance(named, dict) else {}  # since version 4 by names that the parser does not know
    known = {"seed", "steps", "cfg_scale", "scheduler"}
    return Made(
        said.generator.value, said.full_prompt, said.full_negative_prompt, number(settings.get("seed")),
        number(settings.get("steps", said.metadata.get("steps"))), decimal(settings.get("cfg_scale")),
        words(sampler and sampler.name), words(settings.get("scheduler")), number(size.get("width")),
        number(size.get("height")), words((model and model.name) or own.get("name")),
        words((model and model.hash) or own.get("hash")),
        more={key: value for key, value in settings.items() if key not in known},
    )  # fmt: skip


def _object(text: str | None) -> dict[str, Any] | None:
    """A JSON object in a text; None where it is something else."""
    try:
        found = json.loads(text) if text and text.lstrip().startswith("{") else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _comments(packet: str) -> list[str]:
    """Texts of an XMP packet. One that declares entities is not read: they can grow without end."""
    if "<!DOCTYPE" in packet or "<!ENTITY" in packet:
        raise PictureError("The picture's XMP declares entities, which is never needed. Strip its metadata.")
    try:
        tree = ElementTree.fromstring(packet.strip().strip("\0"))
    except ElementTree.ParseError as error:
        raise PictureError(f"The picture's XMP is not XML ({error}). Strip its metadata.") from error
    return [text for one in tree.iter() for text in (one.text or "", *one.attrib.values())]


def _unquoted(value: str) -> str:
    try:
        return str(json.loads(value)) if value.startswith('"') else value.strip()
    except ValueError:
        return value


Dialect = Callable[[Texts], Made | None]
DIALECTS: tuple[Dialect, ...] = (limner, swarm, draw_things, automatic1111, fooocus, comfyui, others)
"""In the order in which they are tried: the exact ones first."""
