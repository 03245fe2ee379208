"""Spans: what happened in a session, when, inside what, and at what cost.

The one door to tracing, used by the ledger, the agents and the graphs. Spans are opened by hand and follow the names,
kinds and attributes of OpenTelemetry's GenAI conventions, with OpenInference's beside them. The provider is our own:
nothing global is set, so an application's own OpenTelemetry is neither used nor disturbed. Each session is one trace,
each process that works on it adds one root.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

from limner.tracing import content
from limner.tracing.content import Value
from limner.types import Message, Turn

if TYPE_CHECKING:
    from opentelemetry.trace import Span as OTelSpan

    from limner.tracing.recorder import Recorder

Annotator = Literal["HUMAN", "LLM", "CODE"]

_CURRENT: ContextVar[Span | None] = ContextVar("limner_span", default=None)


class Span:
    """One piece of work while it lasts. Of a silent `Spans` it records nothing."""

    def __init__(self, owner: Spans, otel: OTelSpan | None) -> None:
        self._owner = owner
        self._otel = otel

    @property
    def id(self) -> str | None:
        """Sixteen hex digits, as in the trace file; None when silent."""
        return None if self._otel is None else f"{self._otel.get_span_context().span_id:016x}"

    def set(self, **attributes: Value | None) -> None:
        """Set attributes: a name with a dot as it is (`**{"gen_ai.request.seed": 7}`), any other under `limner.`.

        None means unknown, and what is unknown is left out.
        """
        if self._otel is not None:
            self._otel.set_attributes(content.named(attributes))

    def event(self, name: str, **attributes: Value | None) -> None:
        """Note something that happened at this moment; attributes are named as in `set`."""
        if self._otel is not None:
            self._otel.add_event(name, content.named(attributes))

    def messages(self, messages: Sequence[Message]) -> None:
        """Record in full what a chat model is told; pictures by their hash."""
        if self._otel is not None:
            self._otel.set_attributes(content.asked(messages))

    def turn(self, turn: Turn) -> None:
        """Record in full what a chat model replied, with its tokens as far as they are known."""
        if self._otel is not None:
            self._otel.set_attributes(content.replied(turn))

    def cost(self, usd: float | None) -> None:
        """Record a price in USD; None, when it is not known, records nothing."""
        self.set(**{"llm.cost.total": usd})


class Spans:
    """The spans of one session: `open` writes them to a file, `silent` keeps none."""

    def __init__(self, recorder: Recorder | None) -> None:
        self._recorder = recorder
        self._root: Span | None = None

    @classmethod
    def silent(cls) -> Self:
        """Spans that cost and record nothing."""
        return cls(None)

    @classmethod
    def open(cls, file: Path, session: str) -> Self:
        """Append to a session's trace file; spans that a killed process left open are marked as unfinished.

        Args:
            file: OTLP/JSON lines, usually `runs/SESSION/trace.jsonl`; made with its folder when missing.
            session: the session's id, from which the trace id is derived.

        Raises:
            limner.errors.SessionBusy: another process is writing to this file.
            limner.errors.CorruptSession: a line of the file does not read back.
            limner.errors.StorageError: the disk refused, here or when a span begins or ends.
        """
        from limner.tracing.recorder import Recorder

        return cls(Recorder(file, session))

    def close(self) -> None:
        """Let go of the file. Spans still open are left to be marked as unfinished by the next process."""
        if self._recorder is not None:
            self._recorder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def workflow(self, name: str) -> AbstractContextManager[Span]:
        """One run of a graph; the outermost is the root of this process."""
        return self._span(f"invoke_workflow {name}", "CHAIN", {"gen_ai.workflow.name": name})

    def agent(self, name: str) -> AbstractContextManager[Span]:
        """One call of a writer, critic, modifier or questioner."""
        return self._span(f"invoke_agent {name}", "AGENT", {"gen_ai.agent.name": name})

    def chat(self, model: str) -> AbstractContextManager[Span]:
        """One turn of a chat endpoint; see `Span.messages` and `Span.turn`."""
        return self._span(f"chat {model}", "LLM", {"gen_ai.request.model": model}, remote=True)

    def drawing(self, model: str, *, remote: bool = False) -> AbstractContextManager[Span]:
        """One batch of pictures, drawn in this process or (`remote`) by an endpoint."""
        attributes = {"gen_ai.request.model": model, "gen_ai.output.type": "image"}
        return self._span(f"generate_content {model}", "TOOL", attributes, remote=remote)

    def scoring(self, name: str) -> AbstractContextManager[Span]:
        """One batch of judgements by a scorer or a vision model."""
        return self._span(f"execute_tool {name}", "EVALUATOR", {"gen_ai.tool.name": name})

    def plan(self) -> AbstractContextManager[Span]:
        """One choice of a bandit."""
        return self._span("plan", "CHAIN", {})

    def evaluation(
        self,
        name: str,
        value: float | None,
        label: str | None = None,
        explanation: str | None = None,
        annotator: Annotator = "CODE",
    ) -> None:
        """Note a judgement on the span that is open here, or on one of its own if none is."""
        attributes: dict[str, Value | None] = {
            "gen_ai.evaluation.name": name,
            "gen_ai.evaluation.score.value": value,
            "gen_ai.evaluation.score.label": label,
            "gen_ai.evaluation.explanation": explanation,
            "annotator_kind": annotator,
        }
        span = self._current()
        if span is not None:
            span.event("gen_ai.evaluation.result", **attributes)
            return
        with self.scoring(name) as own:
            own.event("gen_ai.evaluation.result", **attributes)

    def _current(self) -> Span | None:
        """The innermost span of this context; in a thread that was given no context, this process's root."""
        span = _CURRENT.get()
        return span if span is not None and span._owner is self else self._root

    @contextmanager
    def _span(
        self, name: str, kind: str, attributes: Mapping[str, Value | None], *, remote: bool = False
    ) -> Iterator[Span]:
        if self._recorder is None:
            yield Span(self, None)
            return
        parent = self._current()
        otel = self._recorder.start(
            name,
            parent=None if parent is None else parent._otel,
            attributes={
                "gen_ai.operation.name": name.split(" ", 1)[0],
                "openinference.span.kind": kind,
                **content.named(attributes),
            },
            remote=remote,
        )
        span = Span(self, otel)
        if parent is None:
            self._root = span
        outside = _CURRENT.get()
        _CURRENT.set(span)
        try:
            yield span
        except BaseException as error:
            self._recorder.fail(otel, error)
            raise
        finally:
            _CURRENT.set(outside)
            if self._root is span:
                self._root = None
            otel.end()
