"""How each program writes down what a picture was made from.

Texts come from strangers. AUTOMATIC1111, SwarmUI and Draw Things are read here, the other four by `sd-parsers`, whose
parsers are given texts that were found and bounded by our own reader: the package itself opens no file. (Its
AUTOMATIC1111 parser loses quoted values with commas, which our own files have.)
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from xml.etree import ElementTree

from limner.errors import PictureError
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
        more={key: value for key, value in said.items() if key not in known},
    )  # fmt: skip


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
    return Made(
        "AUTOMATIC1111", "\n".join(lines[:start]).strip(), negative.strip(), number(pairs.get("Seed")),
        number(pairs.get("Steps")), decimal(pairs.get("CFG scale")), words(pairs.get("Sampler")),
        words(pairs.get("Schedule type")), number(width), number(height), words(pairs.get("Model")),
        words(pairs.get("Model hash")), words(pairs.get("Raw prompt")),
        {key: value for key, value in pairs.items() if key not in _OURS},
    )  # fmt: skip


def others(texts: Texts) -> Made | None:
    """Fooocus, ComfyUI, InvokeAI and NovelAI, by the parsers of `sd-parsers`.

    Raises:
        PictureError: a parser stumbled over the entry.
    """
    from sd_parsers.exceptions import ParserError
    from sd_parsers.parsers import ComfyUIParser, FooocusParser, InvokeAIParser, NovelAIParser

    for kind in (FooocusParser, ComfyUIParser, InvokeAIParser, NovelAIParser):
        if kind is FooocusParser and _object(texts.get("parameters")) is None:
            continue  # it takes any JSON for an object
        try:
            return _from_parser(kind().parse(dict(texts)))
        except ParserError:
            continue
        except Exception as error:
            raise PictureError(
                f"The entry looks like {kind.generator.value}'s and cannot be read ({type(error).__name__}: {error}). "
                "Strip its metadata, or read the picture in that program."
            ) from error
    return None


def _from_parser(said: Any) -> Made:
    sampler = next(iter(said.samplers), None)
    settings = dict(sampler.parameters) if sampler else {}
    size = {**said.metadata, **settings}
    model = sampler.model if sampler else None
    known = {"seed", "steps", "cfg_scale", "scheduler"}
    return Made(
        said.generator.value, said.full_prompt, said.full_negative_prompt, number(settings.get("seed")),
        number(settings.get("steps", said.metadata.get("steps"))), decimal(settings.get("cfg_scale")),
        words(sampler and sampler.name), words(settings.get("scheduler")), number(size.get("width")),
        number(size.get("height")), words(model and model.name), words(model and model.hash),
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


DIALECTS: tuple[Callable[[Texts], Made | None], ...] = (limner, swarm, draw_things, automatic1111, others)
"""In the order in which they are tried: the exact ones first."""
