"""What families of image models want to be told: one TOML file each, so that a new family needs no code.

A preset is advice to those who write prompts. Where the model itself can count tokens, its own count and limit hold;
the preset's limit stands in for models that cannot say.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from limner.errors import UsageError

__all__ = ["PLAIN", "Preset", "preset", "preset_for", "presets"]

PLAIN = "plain"
"""The preset of models that no other one matches."""
_HERE = Path(__file__).parent


class Preset(BaseModel):
    """One family of image models.

    `matches` are pieces of names, in lower case, by which its models are known; `token_limit` counts start and end
    marks, None is no limit; `form` is what its prompts are made of; `negative` whether it takes a negative prompt;
    `advice` is told to a language model that writes for it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str
    matches: tuple[str, ...] = ()
    token_limit: int | None = Field(default=None, ge=8)
    form: Literal["tags", "sentences"]
    negative: bool
    advice: str = Field(min_length=1)


@cache
def presets() -> dict[str, Preset]:
    """Every preset by its name."""
    files = sorted(_HERE.glob("*.toml"))
    return {path.stem: Preset(name=path.stem, **tomllib.loads(path.read_text(encoding="utf-8"))) for path in files}


def preset(name: str) -> Preset:
    """The preset of this name.

    Raises:
        UsageError: there is none.
    """
    if name not in presets():
        raise UsageError(f"There is no preset {name!r}; choose one of: {', '.join(presets())}.")
    return presets()[name]


def preset_for(*names: str) -> Preset:
    """The preset of a model known by these names (its id, its pipeline's class); the longest fitting piece decides."""
    said = " ".join(names).lower()
    found = [(len(piece), name) for name, one in presets().items() for piece in one.matches if piece in said]
    return preset(max(found)[1] if found else PLAIN)
