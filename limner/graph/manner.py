"""How a run's agents write for its generator: the settings' wishes, the model's family and its own limit of tokens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from limner.agents import CountsTokens, WritingRules
from limner.presets import Preset, preset, preset_for
from limner.protocols import Generator
from limner.settings import Settings


def manner(settings: Settings, generator: Generator | None = None) -> dict[str, Any]:
    """How thinking agents work in this run, as `limner.agents.agents` takes it.

    Without a generator at hand the limit of tokens is that of its preset.

    Raises:
        UsageError: there is no such preset.
    """
    writing = settings.writing
    rules = WritingRules(_preset(settings), _counter(generator), writing.locked, writing.style_neutral)
    return {"rules": rules, "second_look": writing.second_look, "sees": writing.sees}


def _preset(settings: Settings) -> Preset:
    if settings.writing.preset is not None:
        return preset(settings.writing.preset)
    name = settings.models.generator
    return preset_for(name, _pipeline(Path(name.partition(":")[2]) / "model_index.json"))


def _pipeline(index: Path) -> str:
    """The class of a local pipeline, which tells its family where the folder's name does not."""
    return str(json.loads(index.read_text(encoding="utf-8")).get("_class_name", "")) if index.is_file() else ""


def _counter(generator: Generator | None) -> CountsTokens | None:
    """The generator, if it can count; its class is asked, since asking the generator itself may load its weights."""
    return cast("CountsTokens", generator) if hasattr(type(generator), "token_limit") else None
