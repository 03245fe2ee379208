"""The agents: prompt writer, critic, instruction modifier and questioner, in families named by a string.

`directives` obeys sentences by rule; the name of a chat model is a family that asks that model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from limner.agents.catalogue import BY_ID, CATALOGUE, START, Directive
from limner.agents.counting import count, counted
from limner.agents.critic import DirectiveCritic
from limner.agents.family import Agents
from limner.agents.guard import GuardedWriter
from limner.agents.intent import Fault, faults
from limner.agents.modifier import DirectiveModifier
from limner.agents.protocols import (
    Contrast,
    Critic,
    Critique,
    InstructionModifier,
    PromptWriter,
    Questioner,
    Review,
    Trial,
)
from limner.agents.questioner import RuleQuestioner
from limner.agents.rules import CountsTokens, WritingRules
from limner.agents.thinking import Minds, thinking
from limner.agents.writer import DirectiveWriter, Written
from limner.errors import UsageError
from limner.llm import chat_model
from limner.llm.models import SCHEMES

__all__ = [
    "BY_ID",
    "CATALOGUE",
    "START",
    "Agents",
    "Contrast",
    "CountsTokens",
    "Critic",
    "Critique",
    "Directive",
    "DirectiveCritic",
    "DirectiveModifier",
    "DirectiveWriter",
    "Fault",
    "GuardedWriter",
    "InstructionModifier",
    "Minds",
    "PromptWriter",
    "Questioner",
    "Review",
    "RuleQuestioner",
    "Trial",
    "WritingRules",
    "Written",
    "agents",
    "count",
    "counted",
    "faults",
    "thinking",
]

DIRECTIVES = "directives"
"""The family without a language model."""


def agents(name: str, minds: Callable[[str], Minds] | None = None, **manner: Any) -> Agents:
    """The family of this name: `directives`, or that of a chat model, such as `openai:MODEL`.

    Args:
        name: of the family.
        minds: makes the chat models of the roles from the name; None takes one at its own defaults for all of them.
        **manner: how thinking agents work; see `limner.agents.thinking.thinking`.

    Raises:
        UsageError: there is no such family.
        UnknownModel: no model is named.
    """
    if name == DIRECTIVES:
        writer, critic, modifier = DirectiveWriter(), DirectiveCritic(), DirectiveModifier()
        return Agents(DIRECTIVES, START.text, writer, critic, modifier, RuleQuestioner())
    if name.partition(":")[0] not in SCHEMES:
        known = ", ".join((DIRECTIVES, *(f"{scheme}:MODEL" for scheme in SCHEMES)))
        raise UsageError(f"agents {name!r} are not known; choose one of: {known}")
    return thinking(minds(name) if minds else Minds.of(chat_model(name)), **manner)
