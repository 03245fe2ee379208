import asyncio
import json

import pytest

from limner.errors import GenerationError
from limner.ledger import Ledger, position, recorded
from limner.testing import ChatFromCallable, HashGenerator, HashStepwise, ScorerFromFunction
from limner.tracing.spans import Spans
from limner.types import Message, Query, Terms, Turn, Usage


def ended(file):
    """Spans that ended, in order, with their attributes as a plain dict."""
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    spans = [line["resourceSpans"][0]["scopeSpans"][0]["spans"][0] for line in lines]
    return [
        (span["name"], {given["key"]: next(iter(given["value"].values())) for given in span["attributes"]}, span)
        for span in spans
        if "endTimeUnixNano" in span
    ]


def test_each_call_opens_a_span_and_what_is_recorded_opens_none(tmp_path, recipes):
    trace = tmp_path / "trace.jsonl"
    with Spans.open(trace, "s1") as spans, Ledger.open(tmp_path, spans=spans) as ledger, spans.workflow("evolve"):
        generator = recorded(HashGenerator(terms=Terms(batch=2)), ledger)
        scorer = recorded(ScorerFromFunction(lambda query, picture: 0.5), ledger)
        with position("search", "round 1"):
            pictures = generator.generate(recipes(3))
            assert generator.generate(recipes(3)) == pictures
            scorer.score([(Query("q", "a"), picture) for picture in pictures])
    *calls, workflow = ended(trace)
    assert [name for name, _, _ in calls] == ["generate_content hash", "generate_content hash", "execute_tool function"]
    about = calls[0][1]
    assert (about["limner.role"], about["limner.position"]) == ("search", "search / round 1")
    assert [given["stringValue"] for given in about["limner.pictures"]["values"]] == [
        picture.sha256 for picture in pictures[:2]
    ]
    assert len(calls[2][2]["events"]) == 3
    assert all(span["parentSpanId"] == workflow[2]["spanId"] for _, _, span in calls)


def stumble(run):
    with run:
        next(iter(run))
        raise GenerationError("no")


def test_a_run_of_previews_is_one_span_around_what_is_judged_meanwhile(tmp_path, recipes):
    trace = tmp_path / "trace.jsonl"
    judge = ScorerFromFunction(lambda query, picture: 0.5)
    with Spans.open(trace, "s1") as spans, Ledger.open(tmp_path, spans=spans) as ledger, position("search"):
        scorer = recorded(judge, ledger)
        for _ in range(2):
            with recorded(HashStepwise(), ledger).start(recipes(3), [4]) as run:
                for previews in run:
                    scorer.score([(Query("q", "a"), preview.picture) for preview in previews])
                    run.drop(1)
        with pytest.raises(GenerationError):
            stumble(recorded(HashStepwise("other"), ledger).start(recipes(1), [1]))
    judged, drawn, failed = ended(trace)
    assert judged[2]["parentSpanId"] == drawn[2]["spanId"]
    told = {name: int(drawn[1][f"limner.{name}"]) for name in ("planned", "made", "ended", "steps")}
    assert told == {"planned": 3, "made": 2, "ended": 1, "steps": 24}
    assert (drawn[1]["limner.role"], drawn[1]["gen_ai.output.type"]) == ("search", "image")
    assert failed[1]["error.type"] == "GenerationError"


def test_a_chat_span_has_words_tokens_and_cost(tmp_path):
    trace = tmp_path / "trace.jsonl"
    terms = Terms(local=False, sampling=True, price_per_output_token=1e-6)
    chat = ChatFromCallable(lambda *_: Turn("because", usage=Usage(7, 5)), terms=terms)
    with Spans.open(trace, "s1") as spans, Ledger.open(tmp_path, spans=spans) as ledger, position("critic"):
        asyncio.run(recorded(chat, ledger).turn([Message("user", "why?")]))
    ((name, about, _),) = ended(trace)
    assert name == "chat callable"
    assert "why?" in about["gen_ai.input.messages"]
    assert "because" in about["gen_ai.output.messages"]
    assert (int(about["gen_ai.usage.input_tokens"]), about["llm.cost.total"]) == (7, 5e-6)


def test_a_failed_call_ends_its_span_as_failed(tmp_path, recipes):
    class Broken(HashGenerator):
        def generate(self, recipes):
            raise GenerationError("no")

    trace = tmp_path / "trace.jsonl"
    failed = pytest.raises(GenerationError)
    with Spans.open(trace, "s1") as spans, Ledger.open(tmp_path, spans=spans) as ledger, failed:
        recorded(Broken(), ledger).generate(recipes(1))
    ((_, about, _),) = ended(trace)
    assert about["error.type"] == "GenerationError"
