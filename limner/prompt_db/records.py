"""One professional prompt as it is imported and stored: the words, what drew with them, and where they come from.

Columns carry the field's own names, so that imports map one to one; a key that no column knows is kept in `extra`. A
record is immutable and named by the hash of its content, so importing it twice stores it once.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator

from limner.types import Prompt

_BIGGEST_INTEGER = 2**63 - 1
"""What SQLite can hold."""


class PromptRecord(BaseModel):
    """A row of the table `prompt`. None is unknown."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    prompt: str = Field(min_length=1)
    negative_prompt: str = ""
    query: str | None = None
    """The request that this prompt answers, in the asker's words."""
    seed: int | None = Field(default=None, ge=0, le=_BIGGEST_INTEGER)
    steps: int | None = Field(default=None, ge=0, le=_BIGGEST_INTEGER)
    cfg_scale: float | None = None
    sampler: str | None = None
    scheduler: str | None = None
    width: int | None = Field(default=None, ge=1, le=_BIGGEST_INTEGER)
    height: int | None = Field(default=None, ge=1, le=_BIGGEST_INTEGER)
    model: str | None = None
    model_hash: str | None = None
    loras: dict[str, float] = Field(default_factory=dict)
    """Name to weight."""
    nsfw_prompt: float | None = Field(default=None, ge=0)
    nsfw_image: float | None = Field(default=None, ge=0)
    """Probability of an unsafe picture; DiffusionDB writes 2 where the picture was blurred at the source."""
    source: str | None = None
    source_url: str | None = None
    author: str | None = None
    license: str | None = None
    created_at: datetime | None = None
    extra: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def id(self) -> str:
        """Hash of the content. Unknown values are left out, so a column added later renames nothing."""
        content = {key: value for key, value in self.model_dump(mode="json").items() if value not in (None, "", {})}
        return f"p-{hashlib.sha256(canonical(content).encode()).hexdigest()[:24]}"

    @property
    def query_key(self) -> str | None:
        """The query as it is looked up; None where it is unknown."""
        return None if self.query is None else query_key(self.query)

    def as_prompt(self) -> Prompt:
        """What an image model is told."""
        return Prompt(self.prompt, self.negative_prompt)

    @model_validator(mode="before")
    @classmethod
    def _keep_unknown_keys(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        unknown = {key: value for key, value in data.items() if key not in cls.model_fields}
        if not unknown:
            return data
        extra = data.get("extra", {})
        if not isinstance(extra, dict):
            return data
        known = {key: value for key, value in data.items() if key in cls.model_fields}
        return {**known, "extra": {**unknown, **extra}}

    @field_validator("prompt")
    @classmethod
    def _says_something(cls, prompt: str) -> str:
        if not prompt.strip():
            raise ValueError("the prompt is blank; leave the line out or give it words")
        return prompt

    @field_validator("extra")
    @classmethod
    def _can_be_stored(cls, extra: dict[str, JsonValue]) -> dict[str, JsonValue]:
        canonical(extra)
        return extra


def canonical(content: object) -> str:
    """JSON that is the same for equal content: keys sorted, no spaces, no NaN (ValueError)."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def query_key(text: str) -> str:
    """The same for requests that differ in case, spacing or Unicode form only."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
