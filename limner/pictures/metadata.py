"""What a Limner picture says of itself: the `limner` entry of its file, as versioned JSON.

It holds everything that is needed to draw the picture again and, once known, why it was drawn and how it was judged.
Entries are read as data from strangers: JSON only, every field checked, other versions refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from limner.errors import PictureError
from limner.types import Instruction, Recipe, Region

VERSION = 1


@dataclass(frozen=True, slots=True)
class Origin:
    """What an edited picture was made from, and how.

    `picture` is the original's SHA-256 (of its file, as `sha256sum` says it), `file` its name without directories where
    one is known; `change`, `region` and `strength` are the edit's, with the strength that was used.
    """

    picture: str
    change: str
    region: Region | None = None
    strength: float | None = None
    file: str | None = None

    def known(self) -> dict[str, Any]:
        """As plain data; what is not known is left out."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Metadata:
    """The recipe and model behind a picture, and the parts of its history that are known.

    `query` is the user's own words, `scores` are by scorer name (None where a judgement could not be read), `session`
    and `span` name the run that drew it, `edit` says what an edited picture was made from.
    """

    recipe: Recipe
    model: str
    query: str | None = None
    instruction: Instruction | None = None
    scores: Mapping[str, float | None] = field(default_factory=dict)
    session: str | None = None
    span: str | None = None
    edit: Origin | None = None

    def to_json(self) -> str:
        """One line of ASCII JSON; what is not known is left out."""
        known = {key: value for key, value in asdict(self).items() if value not in (None, {})}
        known["recipe"] = {key: value for key, value in known["recipe"].items() if value is not None}
        if self.instruction:
            known["instruction"]["id"] = self.instruction.id
        if self.edit:
            known["edit"] = self.edit.known()
        return json.dumps({"version": VERSION, **known})

    @classmethod
    def from_json(cls, text: str) -> Metadata:
        """Read back what `to_json` wrote.

        Raises:
            PictureError: not JSON, another version, or fields that do not fit.
        """
        fields = _fields(text)
        if (version := fields.pop("version", None)) != VERSION:
            raise PictureError(f"The picture's entry has version {version!r}; this Limner reads {VERSION}. Update it.")
        try:
            return _METADATA.validate_python(fields)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise PictureError(
                f"The picture's entry is wrong at {where}: {first['msg']}. Strip its metadata."
            ) from error


def _fields(text: str) -> dict[str, Any]:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PictureError(f"The picture's entry is not JSON: {text[:60]!r} ({error}). Strip its metadata.") from error
    if not isinstance(fields, dict):
        raise PictureError(f"The picture's entry is not a JSON object: {text[:60]!r}. Strip its metadata.")
    return fields


_METADATA = TypeAdapter(Metadata)
