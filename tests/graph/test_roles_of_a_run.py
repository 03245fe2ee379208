"""Each role may think with its own model, at its own price, and all of them through the ledger."""

import asyncio

import pytest

import limner
from limner.agents import DirectiveCritic, DirectiveWriter
from limner.errors import UnknownModel, UnknownPrice, UsageError
from limner.graph.language import family
from limner.ledger import Ledger, position, recorded
from limner.settings import load
from limner.testing import ChatServer
from limner.types import Instruction, Query

FREE = {"small": {"input": 0.0, "output": 0.0}, "large": {"input": 1.0, "output": 2.0}}
FOX = Query.of("a fox")


def said(body):
    return '{"prompt": "a fox", "negative": ""}' if "prompt writer" in str(body["messages"]) else '{"colour": "red"}'


def test_roles_are_played_by_their_own_models_and_the_rest_by_the_family():
    mixed = family(load(models={"agents": "directives", "writer": "openai:small"}))
    assert isinstance(mixed.critic, DirectiveCritic)
    assert not isinstance(mixed.writer, DirectiveWriter)
    assert mixed.name.startswith("directives, writer=openai:small@")
    back = family(load(models={"agents": "openai:small", "critic": "directives"}))
    assert isinstance(back.critic, DirectiveCritic)
    assert back.start != mixed.start


def test_turns_of_a_mixed_family_are_recorded_at_the_price_of_each_model(tmp_path):
    models = {"agents": "openai:small", "writer": "openai:large"}
    with ChatServer(said) as server, Ledger.open(tmp_path) as ledger:
        settings = load(models={**models, "base_url": server.base_url}, prices=FREE)
        agents = family(settings).behind(lambda chat: recorded(chat, ledger))
        with position("writer", "round 1"):
            prompt = asyncio.run(agents.writer.write(Instruction("Write it."), FOX))
        spend = ledger.spend()
        told, wrote = server.usage.input_tokens, server.usage.output_tokens
    assert prompt.text == "a fox"
    assert {body["model"] for body in server.requests} == {"large"}
    assert spend.money_usd == pytest.approx((told + 2 * wrote) / 1e6)


def test_a_model_without_a_price_is_refused_before_it_is_asked(tmp_path):
    with ChatServer(said) as server, pytest.raises(UnknownPrice, match="the price of openai:small@"):
        limner.evolve(agents="openai:small", base_url=server.base_url, out=tmp_path, rounds=1)
    assert server.calls == 0


@pytest.mark.parametrize(("name", "error"), [("openai:", UnknownModel), ("poetry", UsageError)])
def test_names_that_mean_nothing_are_told_of(name, error):
    with pytest.raises(error):
        family(load(models={"critic": name}))


def test_the_key_is_read_from_the_variable_that_is_named(monkeypatch):
    monkeypatch.setenv("OTHER_KEY", "secret")
    with ChatServer(said) as server:
        settings = load(
            models={"agents": "openai:small"}, chat={"chat_url": server.base_url, "key_variable": "OTHER_KEY"}
        )
        asyncio.run(family(settings).writer.write(Instruction("Write it."), FOX))
    assert set(server.keys) == {"secret"}
    assert "secret" not in str(settings.model_dump())
