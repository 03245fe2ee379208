"""A span as OTLP/JSON (protobuf's JSON mapping: hex ids, 64-bit integers as strings, enums as numbers).

Written here because the official file exporter (opentelemetry-exporter-otlp-json-file 0.66b1, beta) pins one minor
version of the SDK, which would bind every user's own OpenTelemetry, and logs a refusing disk instead of raising. It
also writes ended spans alone, while our journal needs them as they begin.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Link

_NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def encode(span: ReadableSpan) -> dict[str, Any]:
    """Encode an open or ended span; one that is open has no endTimeUnixNano."""
    encoded = {
        "traceId": f"{span.context.trace_id:032x}",
        "spanId": f"{span.context.span_id:016x}",
        "parentSpanId": f"{span.parent.span_id:016x}" if span.parent else "",
        "flags": int(span.context.trace_flags),
        "name": span.name,
        "kind": span.kind.value + 1,  # the API counts from 0, OTLP from 1
        "startTimeUnixNano": str(span.start_time),
        "attributes": attributes(span.attributes or {}),
        "events": [_event(event) for event in span.events],
        "links": [_link(link) for link in span.links],
        "status": _status(span),
    }
    if span.end_time is not None:
        encoded["endTimeUnixNano"] = str(span.end_time)
    return encoded


def attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Encode attributes as OTLP's list of keys and typed values."""
    return [{"key": key, "value": _value(value)} for key, value in values.items()]


def line(resource: Mapping[str, Any], span: Mapping[str, Any]) -> dict[str, Any]:
    """Wrap one encoded span as a line of an OTLP file."""
    scope = {"scope": {"name": "limner"}, "spans": [span]}
    return {"resourceSpans": [{"resource": {"attributes": attributes(resource)}, "scopeSpans": [scope]}]}


def _value(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value if math.isfinite(value) else _NOT_FINITE[str(value)]}
        case str():
            return {"stringValue": value}
        case Sequence():
            return {"arrayValue": {"values": [_value(item) for item in value]}}
        case _:
            raise TypeError(f"a span attribute of type {type(value).__name__} ({value!r}) cannot be written as OTLP")


def _event(event: Event) -> dict[str, Any]:
    return {
        "timeUnixNano": str(event.timestamp),
        "name": event.name,
        "attributes": attributes(event.attributes or {}),
    }


def _link(link: Link) -> dict[str, Any]:
    return {"traceId": f"{link.context.trace_id:032x}", "spanId": f"{link.context.span_id:016x}"}


def _status(span: ReadableSpan) -> dict[str, Any]:
    status: dict[str, Any] = {"code": span.status.status_code.value}
    if span.status.description:
        status["message"] = span.status.description
    return status
