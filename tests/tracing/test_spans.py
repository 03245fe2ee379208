from __future__ import annotations

import asyncio
import json
import math
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest
from openinference.semconv.trace import OpenInferenceSpanKindValues, SpanAttributes

from limner.errors import CorruptSession, SessionBusy, StorageError
from limner.tracing.spans import Spans
from limner.types import Message, Picture, Prompt, Recipe, Turn, Usage

INTERNAL, CLIENT, ERROR = 1, 3, 2


def read(file: Path) -> dict[str, dict[str, Any]]:
    """Spans of a trace file by name, their attributes as a dict."""
    found = {}
    for text in file.read_text().splitlines():
        (resource,) = json.loads(text)["resourceSpans"]
        (scope,) = resource["scopeSpans"]
        for span in scope["spans"]:
            found[span["name"]] = {**span, "attributes": plain(span["attributes"])}
    return found


def plain(attributes: list[dict[str, Any]]) -> dict[str, Any]:
    return {one["key"]: value(one["value"]) for one in attributes}


def value(typed: Mapping[str, Any]) -> Any:
    ((kind, inner),) = typed.items()
    if kind == "arrayValue":
        return [value(item) for item in inner["values"]]
    return int(inner) if kind == "intValue" else inner


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "run" / "trace.jsonl"


def test_each_kind_of_work_has_the_names_and_kinds_of_the_conventions(file: Path) -> None:
    with Spans.open(file, "s-1") as spans, spans.workflow("evolve"):
        for work in (
            spans.agent("critic"),
            spans.chat("gpt-x"),
            spans.drawing("painter"),
            spans.drawing("images", remote=True),
            spans.scoring("hps"),
            spans.plan(),
        ):
            with work:
                pass
    said = {
        name: (
            span["kind"],
            span["attributes"]["gen_ai.operation.name"],
            span["attributes"][SpanAttributes.OPENINFERENCE_SPAN_KIND],
        )
        for name, span in read(file).items()
    }
    kind = OpenInferenceSpanKindValues
    assert said == {
        "invoke_workflow evolve": (INTERNAL, "invoke_workflow", kind.CHAIN.value),
        "invoke_agent critic": (INTERNAL, "invoke_agent", kind.AGENT.value),
        "chat gpt-x": (CLIENT, "chat", kind.LLM.value),
        "generate_content painter": (INTERNAL, "generate_content", kind.TOOL.value),
        "generate_content images": (CLIENT, "generate_content", kind.TOOL.value),
        "execute_tool hps": (INTERNAL, "execute_tool", kind.EVALUATOR.value),
        "plan": (INTERNAL, "plan", kind.CHAIN.value),
    }
    drawing = read(file)["generate_content painter"]["attributes"]
    assert drawing["gen_ai.output.type"] == "image"
    assert drawing["gen_ai.conversation.id"] == drawing["session.id"] == "s-1"


def test_attributes_keep_their_types_and_what_is_unknown_is_left_out(file: Path) -> None:
    with Spans.open(file, "s") as spans, spans.plan() as span:
        span.set(
            round=3,
            ucb_value=0.25,
            survivors=["a", "b"],
            fallback=True,
            seed=None,
            odd=math.inf,
            **{"gen_ai.request.seed": 7},
        )
        span.event("dropped", arm="i-1", why=None)
        span.cost(None)
    (span,) = read(file).values()
    kept = {name: said for name, said in span["attributes"].items() if name.startswith("limner.")}
    assert kept == {
        "limner.round": 3,
        "limner.ucb_value": 0.25,
        "limner.survivors": ["a", "b"],
        "limner.fallback": True,
        "limner.odd": "Infinity",
    }
    assert span["attributes"]["gen_ai.request.seed"] == 7
    assert "llm.cost.total" not in span["attributes"]
    (event,) = span["events"]
    assert (event["name"], plain(event["attributes"])) == ("dropped", {"limner.arm": "i-1"})


def test_a_chat_is_recorded_in_full_with_pictures_by_hash(file: Path) -> None:
    picture = Picture(b"not really a picture" * 50, Recipe(Prompt("p"), 1), "m")
    messages = [Message("system", "Judge."), Message("user", 'Why "so"? \ud800', (picture,))]
    with Spans.open(file, "s") as spans, spans.chat("gpt-x") as span:
        span.messages(messages)
        span.turn(Turn("Because.", usage=Usage(input_tokens=12, output_tokens=None), model="gpt-x-1"))
        span.cost(0.002)
    said = read(file)["chat gpt-x"]["attributes"]
    assert json.loads(said["gen_ai.system_instructions"]) == [{"type": "text", "content": "Judge."}]
    (user,) = json.loads(said["gen_ai.input.messages"])
    assert user["parts"][1] == {
        "type": "uri",
        "modality": "image",
        "mime_type": "image/png",
        "uri": f"sha256:{picture.sha256}",
    }
    (reply,) = json.loads(said["gen_ai.output.messages"])
    assert reply["parts"] == [{"type": "text", "content": "Because."}]
    assert said["gen_ai.usage.input_tokens"] == said[SpanAttributes.LLM_TOKEN_COUNT_PROMPT] == 12
    assert said[SpanAttributes.LLM_COST_TOTAL] == 0.002
    assert "gen_ai.usage.output_tokens" not in said
    assert "base64" not in file.read_text()


def test_parents_follow_tasks_and_copied_contexts_and_a_bare_thread_falls_under_the_root(file: Path) -> None:
    async def agent(spans: Spans, name: str) -> None:
        with spans.agent(name):
            await asyncio.sleep(0.001)
            with spans.chat(f"model of {name}"):
                await asyncio.sleep(0.001)

    async def both(spans: Spans) -> None:
        await asyncio.gather(agent(spans, "a"), agent(spans, "b"))

    def draw(spans: Spans, name: str) -> None:
        with spans.drawing(name):
            pass

    with Spans.open(file, "s") as spans, spans.workflow("evolve"):
        asyncio.run(both(spans))
        with spans.agent("c"), ThreadPoolExecutor(1) as pool:
            pool.submit(copy_context().run, draw, spans, "copied").result()
        bare = threading.Thread(target=draw, args=(spans, "bare"))
        bare.start()
        bare.join()
    found = read(file)
    root = found["invoke_workflow evolve"]
    ids = {span["spanId"]: name for name, span in found.items()}
    parents = {name: ids.get(span["parentSpanId"]) for name, span in found.items()}
    assert parents == {
        "invoke_workflow evolve": None,
        "invoke_agent a": "invoke_workflow evolve",
        "invoke_agent b": "invoke_workflow evolve",
        "invoke_agent c": "invoke_workflow evolve",
        "chat model of a": "invoke_agent a",
        "chat model of b": "invoke_agent b",
        "generate_content copied": "invoke_agent c",
        "generate_content bare": "invoke_workflow evolve",
    }
    assert {span["traceId"] for span in found.values()} == {root["traceId"]}


def test_two_sessions_at_once_do_not_mix(tmp_path: Path) -> None:
    a, b = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    with Spans.open(a, "a") as one, Spans.open(b, "b") as two, one.workflow("outer"), two.workflow("inner"), one.plan():
        pass
    outer = read(tmp_path / "a.jsonl")
    (inner,) = read(tmp_path / "b.jsonl").values()
    assert outer["plan"]["parentSpanId"] == outer["invoke_workflow outer"]["spanId"]
    assert inner["parentSpanId"] == ""


def test_an_exception_marks_every_span_that_it_leaves(file: Path) -> None:
    with Spans.open(file, "s") as spans:
        with pytest.raises(StorageError), spans.workflow("evolve"):  # noqa: SIM117
            with spans.drawing("painter"):
                raise StorageError("the disk is full")
        with spans.plan():
            pass
    found = read(file)
    for name in ("generate_content painter", "invoke_workflow evolve"):
        assert found[name]["status"] == {"code": ERROR, "message": "the disk is full"}
        assert found[name]["attributes"]["error.type"] == "StorageError"
    assert found["plan"]["status"] == {"code": 0}


def test_a_judgement_is_an_event_of_the_open_span_or_of_its_own(file: Path) -> None:
    with Spans.open(file, "s") as spans:
        with spans.scoring("hps"):
            spans.evaluation("taste", 27.5, label="good", annotator="CODE")
        spans.evaluation("rating", None, explanation="unreadable", annotator="HUMAN")
    found = read(file)
    (event,) = found["execute_tool hps"]["events"]
    assert event["name"] == "gen_ai.evaluation.result"
    assert plain(event["attributes"]) == {
        "gen_ai.evaluation.name": "taste",
        "gen_ai.evaluation.score.value": 27.5,
        "gen_ai.evaluation.score.label": "good",
        "limner.annotator_kind": "CODE",
    }
    assert "gen_ai.evaluation.score.value" not in plain(found["execute_tool rating"]["events"][0]["attributes"])


def test_each_process_adds_a_root_linked_to_the_last_in_one_trace(file: Path) -> None:
    for number in range(3):
        with Spans.open(file, "s") as spans, spans.workflow(f"part {number}"):
            pass
    first, second, third = read(file).values()
    assert first["traceId"] == second["traceId"] == third["traceId"]
    assert first["links"] == []
    assert [link["spanId"] for link in second["links"]] == [first["spanId"]]
    assert [link["spanId"] for link in third["links"]] == [second["spanId"]]


def test_what_a_killed_process_left_open_is_marked_by_the_next(file: Path) -> None:
    script = f"""
        import os, signal
        from pathlib import Path
        from limner.tracing.spans import Spans
        spans = Spans.open(Path({str(file)!r}), "s")
        with spans.workflow("evolve"):
            with spans.plan():
                pass
            with spans.drawing("painter") as span:
                os.kill(os.getpid(), signal.SIGKILL)
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert list(read(file)) == ["plan"]
    with Spans.open(file, "s") as spans, spans.workflow("again"):
        pass
    found = read(file)
    for name in ("invoke_workflow evolve", "generate_content painter"):
        assert found[name]["attributes"]["limner.unfinished"] is True
        assert found[name]["status"]["code"] == ERROR
        assert int(found[name]["endTimeUnixNano"]) >= int(found[name]["startTimeUnixNano"])
    assert found["generate_content painter"]["parentSpanId"] == found["invoke_workflow evolve"]["spanId"]
    assert found["invoke_workflow again"]["links"][0]["spanId"] == (found["invoke_workflow evolve"]["spanId"])
    lines = file.read_text().splitlines()
    with Spans.open(file, "s"):
        pass
    assert file.read_text().splitlines() == lines, "what was marked once is not marked again"


def test_a_full_disk_is_said_and_a_torn_line_is_dropped_by_the_next(file: Path) -> None:
    script = f"""
        import resource
        from pathlib import Path
        from limner.errors import StorageError
        from limner.tracing.spans import Spans
        with Spans.open(Path({str(file)!r}), "s") as spans:
            with spans.plan():
                pass
            size = Path({str(file)!r}).stat().st_size
            resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, size + 100))
            try:
                with spans.workflow("evolve"):
                    pass
            except StorageError as error:
                print(error)
    """
    told = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, capture_output=True, text=True)
    assert "cannot be written" in told.stdout
    assert "resume" in told.stdout
    with Spans.open(file, "s") as spans, spans.workflow("again"):
        pass
    assert {"plan", "invoke_workflow again"} <= read(file).keys()


def test_one_writer(file: Path) -> None:
    with Spans.open(file, "s"), pytest.raises(SessionBusy, match="another process"):
        Spans.open(file, "s")
    with Spans.open(file, "s"):
        pass


def test_a_damaged_file_is_said_with_its_line(file: Path) -> None:
    with Spans.open(file, "s") as spans, spans.plan():
        pass
    file.write_text(file.read_text() + "{damaged\n")
    with pytest.raises(CorruptSession, match="line 2"):
        Spans.open(file, "s")
    file.unlink()
    with Spans.open(file, "s"):
        pass


def test_a_folder_that_cannot_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file, not a folder")
    with pytest.raises(StorageError, match="Choose another folder"):
        Spans.open(tmp_path / "run" / "trace.jsonl", "s")


@pytest.mark.parametrize(
    ("variable", "setting"), [("OTEL_TRACES_SAMPLER", "always_off"), ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "3")]
)
def test_the_environment_neither_thins_nor_cuts_the_local_file(
    file: Path, monkeypatch: pytest.MonkeyPatch, variable: str, setting: str
) -> None:
    monkeypatch.setenv(variable, setting)
    with Spans.open(file, "s") as spans, spans.plan() as span:
        span.set(words="a long sentence")
    assert read(file)["plan"]["attributes"]["limner.words"] == "a long sentence"


def test_the_switch_that_disables_the_sdk_is_obeyed(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    with Spans.open(file, "s") as spans, spans.workflow("evolve"), spans.plan() as span:
        span.set(round=1)
    assert file.read_text() == ""


def test_the_applications_own_provider_is_left_alone(file: Path) -> None:
    from opentelemetry import trace

    before = trace.get_tracer_provider()
    with Spans.open(file, "s") as spans, spans.workflow("evolve"):
        assert trace.get_current_span() is trace.INVALID_SPAN
    assert trace.get_tracer_provider() is before


def test_silent_spans_say_nothing_and_have_no_id() -> None:
    spans = Spans.silent()
    with spans.workflow("evolve"), spans.chat("m") as span:
        span.set(round=1)
        span.messages([Message("user", "hello")])
        span.turn(Turn("hi"))
        spans.evaluation("taste", 1.0)
        assert span.id is None
    spans.close()


def test_a_span_names_itself_as_the_file_does(file: Path) -> None:
    with Spans.open(file, "s") as spans, spans.plan() as span:
        name = span.id
    assert read(file)["plan"]["spanId"] == name
