"""Records spans through OpenTelemetry's SDK into a trace file.

The provider, sampler, limits and ids are given here, so no variable of the environment thins out or cuts the file;
`OTEL_SDK_DISABLED`, which asks for no spans at all, is obeyed. Ids of spans are random, the trace id is the session's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from random import Random

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace import Span as SDKSpan
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, set_span_in_context
from opentelemetry.trace import Span as OTelSpan

from limner.tracing.content import Value
from limner.tracing.otlp import encode
from limner.tracing.trace_file import TraceFile


class Recorder:
    """Starts spans; they reach the file when they begin (its journal) and when they end."""

    def __init__(self, file: Path, session: str) -> None:
        self._session = {"gen_ai.conversation.id": session, "session.id": session}
        self._trace = int.from_bytes(hashlib.sha256(session.encode()).digest()[:16], "big")
        resource = Resource({"service.name": "limner"})
        self._file = TraceFile(file, dict(resource.attributes))
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=resource,
            shutdown_on_exit=False,
            id_generator=_SessionIds(self._trace),
            span_limits=SpanLimits(
                max_attributes=SpanLimits.UNSET,
                max_events=SpanLimits.UNSET,
                max_links=SpanLimits.UNSET,
                max_attribute_length=SpanLimits.UNSET,
                max_span_attribute_length=SpanLimits.UNSET,
                max_span_attributes=SpanLimits.UNSET,
                max_event_attributes=SpanLimits.UNSET,
                max_link_attributes=SpanLimits.UNSET,
            ),
        )
        self._provider.add_span_processor(_ToFile(self._file))
        self._tracer = self._provider.get_tracer("limner")

    def start(self, name: str, *, parent: OTelSpan | None, attributes: Mapping[str, Value], remote: bool) -> OTelSpan:
        """Begin a span; one without a parent is a root, linked to the root of the process before."""
        links = [] if parent is not None else self._last_root()
        context = Context() if parent is None else set_span_in_context(parent, Context())
        return self._tracer.start_span(
            name,
            context=context,
            kind=SpanKind.CLIENT if remote else SpanKind.INTERNAL,
            attributes={**self._session, **attributes},
            links=links,
        )

    @staticmethod
    def fail(span: OTelSpan, error: BaseException) -> None:
        """Mark a span as ended by an exception."""
        span.set_attribute("error.type", type(error).__qualname__)
        span.set_status(Status(StatusCode.ERROR, str(error)))
        span.record_exception(error)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _last_root(self) -> list[Link]:
        if self._file.last_root is None:
            return []
        flags = TraceFlags(TraceFlags.SAMPLED)
        return [Link(SpanContext(self._trace, int(self._file.last_root, 16), is_remote=True, trace_flags=flags))]


class _SessionIds(RandomIdGenerator):
    """Random span ids (from a source of their own, so seeding `random` repeats none) in one fixed trace."""

    def __init__(self, trace: int) -> None:
        self._trace = trace
        self._random = Random()

    def generate_trace_id(self) -> int:
        return self._trace

    def generate_span_id(self) -> int:
        return self._random.getrandbits(64) or 1


class _ToFile(SpanProcessor):
    """Hands each span to the file as it begins and as it ends; a refusing disk stops the work (StorageError)."""

    def __init__(self, file: TraceFile) -> None:
        self._file = file

    def on_start(self, span: SDKSpan, parent_context: Context | None = None) -> None:
        self._file.begin(encode(span))

    def on_end(self, span: ReadableSpan) -> None:
        self._file.end(encode(span))
