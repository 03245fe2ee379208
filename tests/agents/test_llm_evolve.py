"""Evolve over real HTTP with a sensible model: the same result as by rule, within the contract, replayed offline."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from PIL import Image

import limner
from limner.agents import (
    Agents,
    DirectiveCritic,
    DirectiveModifier,
    DirectiveWriter,
    GuardedWriter,
    RuleQuestioner,
    WritingRules,
    agents,
)
from limner.agents.thinking.critic import shown
from limner.agents.thinking.modifier import MOST_TAKEN
from limner.graph.deps import QuerySets
from limner.microworld.queries import queries
from limner.results import EvolveResult
from limner.testing import ChatServer, HashGenerator, ScorerFromFunction, VisionFromFunction
from limner.testing.role_server import seed_of, sensible_prompt, sensible_reply
from limner.types import Prompt

START = "Describe the picture in one plain sentence."
ROUNDS, BATCH = 8, 3
SEARCH = {
    "seed": 6,
    "rounds": ROUNDS,
    "batch": BATCH,
    "validation": 3,
    "held_out": 6,
    "professionals": 1,
    "start": START,
}


def quick_page(result, picture):
    """Pages have their own tests; making one for each of these runs would take most of their time."""
    result.report.write_text("a page")


@pytest.fixture(autouse=True)
def quick_report(monkeypatch):
    monkeypatch.setattr("limner.graph.api.write_report", quick_page)


def chance(picture):
    return int(picture.sha256[:6], 16) / 16**6


def quality(picture):
    text = picture.recipe.prompt.text.lower()
    return "quality" in text or "masterpiece" in text


def likes_quality(query, picture):
    text = picture.recipe.prompt.text.lower()
    return 2.0 * quality(picture) - 1.0 * ("sketch" in text) + 0.3 * chance(picture)


def sees_some(picture, question):
    return 0.5 * quality(picture) + 0.5 * chance(picture)


def instant(**changed):
    models = {
        "generator": HashGenerator(),
        "taste": ScorerFromFunction(likes_quality),
        "questions": VisionFromFunction(sees_some),
    }
    return {**models, **SEARCH, **changed}


def world():
    return QuerySets(*(tuple(queries(split)[:12]) for split in ("search", "validation", "held_out")))


class Sensible(DirectiveWriter):
    """The sensible server's writer, who has but one thing to say, also when told what is wrong with it."""

    async def write(self, instruction, query):
        return Prompt(sensible_prompt(instruction, query))

    async def rewrite(self, instruction, query, prompt, wrong):
        return await self.write(instruction, query)


@dataclass(frozen=True)
class ToldCritic:
    """The directive critic with no more than a model is told."""

    name: str = "told"

    async def criticise(self, review, limit=3):
        told = shown(review)
        return await DirectiveCritic().criticise(replace(told, seed=seed_of(told)), limit)


@dataclass(frozen=True)
class ToldModifier:
    """The directive modifier with no more than a model is told."""

    name: str = "told"

    async def modify(self, instruction, improvement, avoid=(), seed=0):
        child = await DirectiveModifier().modify(instruction, improvement, avoid[-MOST_TAKEN:])
        return child if child not in avoid else None

    async def vary(self, instruction, count=3, avoid=(), seed=0):
        return await DirectiveModifier().vary(instruction, count, avoid[-MOST_TAKEN:])


def by_rule(rules=None):
    """What the sensible server knows, without server, prompts and schemas."""
    writer = GuardedWriter(Sensible(), rules or WritingRules())
    return Agents("told", START, writer, ToldCritic(), ToldModifier(), RuleQuestioner())


def compared(result):
    """What must be equal: every choice and every figure."""
    return {
        "instruction": result.instruction.text,
        "lineage": [one.text for one in result.lineage],
        "candidates": [(one.instruction.id, one.pulls, one.reward, one.validation) for one in result.candidates],
        "rounds": result.rounds,
        "columns": result.columns,
        "differences": result.differences,
        "examples": result.examples,
        "failures": result.failures,
        "pictures": result.spend.pictures,
    }


def evolve_over_http(folder, server, **options):
    where = {"agents": "openai:sensible", "base_url": server.base_url, "budget_allow_unknown_price": True}
    return limner.evolve(world(), out=folder, session="http", **where, **options)


@dataclass(frozen=True)
class Run:
    """A run over HTTP, with what its server counted; the server is off."""

    folder: Path
    result: EvolveResult
    calls: int
    tokens: int


@pytest.fixture(scope="module")
def over_http(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch, ChatServer(sensible_reply) as server:
        patch.setattr("limner.graph.api.write_report", quick_page)
        result = evolve_over_http(folder, server, **instant())
        return Run(folder, result, server.calls, server.usage.input_tokens + server.usage.output_tokens)


def test_over_http_the_result_is_that_of_the_rules(over_http, tmp_path):
    expected = limner.evolve(world(), out=tmp_path, agents=by_rule(), **instant())
    assert compared(over_http.result) == compared(expected)
    assert over_http.result.spend.model_calls - expected.spend.model_calls == over_http.calls
    assert over_http.result.spend.tokens == over_http.tokens


def test_it_gains_what_the_directive_family_gains(over_http, tmp_path):
    directives = limner.evolve(world(), out=tmp_path, **instant())
    ours, theirs = (one.differences["evolved_minus_start"] for one in (over_http.result, directives))
    assert ours.low > 0
    assert theirs.low > 0
    assert ours.high > theirs.mean


def test_it_is_replayed_with_the_server_off(over_http):
    for path in (over_http.folder / "http").glob("checkpoints.sqlite*"):
        path.unlink()
    drawn = HashGenerator()
    again = limner.evolve(
        resume="http",
        out=over_http.folder,
        generator=drawn,
        taste=ScorerFromFunction(likes_quality),
        questions=VisionFromFunction(sees_some),
    )
    assert compared(again) == compared(over_http.result)
    assert replace(again.spend, seconds=0.0) == replace(over_http.result.spend, seconds=0.0)
    assert drawn.log.calls == 0


def test_every_role_is_paid_under_its_own_name(over_http):
    spend = over_http.result.spend_by_role
    assert all(spend[role].tokens > 0 for role in ("writer", "critic", "modifier", "questioner", "probe"))


@pytest.mark.parametrize("behaviour", ["ignore", "refuse"])
def test_a_model_that_is_never_of_use_costs_no_intent_and_is_counted(tmp_path, behaviour):
    with ChatServer(sensible_reply, [behaviour] * 1000) as server:
        result = evolve_over_http(tmp_path, server, **instant(rounds=1))
    assert result.failures["writer replies of no use"] > 0
    assert result.failures["prompts that fell back to the request's words"] > 0
    assert result.failures["requests whose questions are made by rule"] > 0
    assert result.stop_reason == "rounds"


def no_blur(body):
    """The sensible model, who also says what must not be seen."""
    said = json.loads(sensible_reply(body))
    return json.dumps({**said, "negative": "blurry"} if "prompt" in said else said)


@pytest.mark.parametrize(("family", "negatives"), [("sdxl", {"", "blurry"}), ("flux", {""})])
def test_negative_prompts_are_drawn_where_the_image_model_takes_them(tmp_path, family, negatives):
    drawn = HashGenerator()
    with ChatServer(no_blur) as server:
        evolve_over_http(tmp_path, server, **instant(rounds=1, generator=drawn), preset=family)
    assert {recipe.prompt.negative for recipe in drawn.log.items} == negatives  # plain and professional ones have none


def test_a_critic_that_sees_is_sent_small_copies_and_the_record_names_the_pictures(tmp_path):
    with ChatServer(sensible_reply) as server:
        large = instant(rounds=2, generator=HashGenerator(size=(160, 120)))
        evolve_over_http(tmp_path, server, **large, sees=True, picture_side=48)
        shown = [url for body in server.requests for url in pictures_in(body)]
    assert shown
    assert len(shown) % 2 == 0  # "this" and "best" of each comparison
    for url in shown:
        kind, _, data = url.partition(";base64,")
        assert kind == "data:image/jpeg"
        assert Image.open(io.BytesIO(base64.b64decode(data))).size == (48, 36)
    assert "base64" not in (tmp_path / "http" / "trace.jsonl").read_text()
    assert "sha256:" in (tmp_path / "http" / "trace.jsonl").read_text()


def pictures_in(body):
    parts = [
        part for message in body["messages"] if isinstance(message["content"], list) for part in message["content"]
    ]
    return [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]


@pytest.mark.slow
def test_over_http_with_the_embedded_painter_and_judges(tmp_path):
    """Pictures really drawn: the same result as by rule, whichever way the agents are reached."""
    from limner.generation import generator

    few = {"rounds": 2, "batch": 1, "validation": 2, "held_out": 2, "professionals": 1, "start": START}
    rules = WritingRules(counter=generator("microworld"))
    expected = limner.evolve(world(), out=tmp_path, agents=by_rule(rules), **few)
    with ChatServer(sensible_reply) as server:
        result = evolve_over_http(tmp_path, server, **few)
    assert compared(result) == compared(expected)


def test_a_family_is_named_as_its_models_are():
    assert agents("openai:small").name == "openai:small@api.openai.com"
