"""The three ways to ask for an object, from the surest to the plainest: the rungs of the ladder."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

from pydantic import BaseModel

Rung = Literal["json_schema", "json_object", "text"]
RUNGS: tuple[Rung, ...] = ("json_schema", "json_object", "text")
ANY_OBJECT: dict[str, Any] = {"type": "object"}
"""The schema that asks for some JSON object and no more: `response_format` json_object."""


@cache
def strict_schema(schema: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema in the strict form: every property required, no others allowed, no defaults, bare references.

    Made once for each model, since it takes as long as a whole request: read it, do not change it.
    """
    strict = _strict(schema.model_json_schema())
    assert isinstance(strict, dict)
    return strict


def _strict(node: Any) -> Any:
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return {"$ref": node["$ref"]}
    # Under these keys stand names chosen by the schema's author, one of which may well be "default".
    named = {
        key: {name: _strict(sub) for name, sub in node[key].items()} for key in ("properties", "$defs") if key in node
    }
    kept = {key: _strict(value) for key, value in node.items() if key not in ("default", *named)} | named
    if "properties" in kept:
        kept |= {"required": list(kept["properties"]), "additionalProperties": False}
    return kept
