"""The least that a JSON schema allows: what an endpoint says that is held to a schema and has nothing to say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LEAST: dict[str, Any] = {"string": "", "integer": 0, "number": 0.0, "boolean": False, "null": None}


def instance(schema: Mapping[str, Any], definitions: Mapping[str, Any] | None = None) -> Any:
    """The smallest value that obeys a schema in the strict form; the first of several choices."""
    known = definitions if definitions is not None else schema.get("$defs", {})
    if "$ref" in schema:
        return instance(known[schema["$ref"].rpartition("/")[2]], known)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return instance(schema[several][0], known)
    kind = schema.get("type", "object")
    if kind == "object":
        return {name: instance(part, known) for name, part in schema.get("properties", {}).items()}
    if kind == "array":
        return [instance(schema["items"], known)] * schema.get("minItems", 0)
    if kind == "string":
        return "x" * schema.get("minLength", 0)
    return max(_LEAST[kind], schema.get("minimum", _LEAST[kind])) if kind in ("integer", "number") else _LEAST[kind]
