"""From settings to the agents of a run, with the language models that they name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from limner.agents import Agents, Minds, agents
from limner.llm import OpenAIOptions, Pace, chat_model
from limner.settings import Settings

ROLES = ("writer", "critic", "modifier", "questioner")
"""The agents that may each be of a family of their own."""


def family(settings: Settings, **manner: Any) -> Agents:
    """The agents that the settings name: one family, but for the roles that have their own. Nothing is asked yet.

    Args:
        settings: `models` has the names, `chat` and `prices` how their models are reached.
        **manner: how thinking agents work; see `limner.agents.thinking.thinking`.

    Raises:
        UsageError: there is no such family, or no model is named.
    """
    pace = Pace(settings.chat.concurrency)
    models: dict[str, Minds] = {}

    def minds(name: str) -> Minds:
        """One model for each name, and one pace for all: they are of one endpoint."""
        if name not in models:
            options = OpenAIOptions(**settings.chat_endpoint(name.partition(":")[2]))
            models[name] = Minds.of(chat_model(name, options, pace))
        return models[name]

    own = {role: name for role in ROLES if (name := getattr(settings.models, role))}
    whole = agents(settings.models.agents, minds, **manner)
    return mixed(whole, {role: agents(name, minds, **manner) for role, name in own.items()})


def mixed(whole: Agents, own: Mapping[str, Agents]) -> Agents:
    """A family in which some roles are played by members of others; the start instruction stays that of the whole."""
    if not own:
        return whole
    names = [whole.name, *(f"{role}={other.name}" for role, other in own.items())]
    return replace(
        whole,
        name=", ".join(names),
        sees=own.get("critic", whole).sees,
        chats=tuple(chat for family in (whole, *own.values()) for chat in family.chats),
        through=lambda door: mixed(whole.behind(door), {role: other.behind(door) for role, other in own.items()}),
        **{role: getattr(other, role) for role, other in own.items()},
    )
