"""The agents: prompt writer, critic, instruction modifier and questioner, in families named by a string."""

from __future__ import annotations

from dataclasses import dataclass

from limner.agents.catalogue import BY_ID, CATALOGUE, START, Directive
from limner.agents.critic import DirectiveCritic
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
from limner.agents.writer import DirectiveWriter, Written
from limner.errors import UsageError

__all__ = [
    "BY_ID",
    "CATALOGUE",
    "START",
    "Agents",
    "Contrast",
    "Critic",
    "Critique",
    "Directive",
    "DirectiveCritic",
    "DirectiveModifier",
    "DirectiveWriter",
    "InstructionModifier",
    "PromptWriter",
    "Questioner",
    "Review",
    "RuleQuestioner",
    "Trial",
    "Written",
    "agents",
]


@dataclass(frozen=True, slots=True)
class Agents:
    """One family: the three agents of the search, the one that asks, and the text of the start instruction."""

    name: str
    start: str
    writer: PromptWriter
    critic: Critic
    modifier: InstructionModifier
    questioner: Questioner


_FAMILIES = {
    "directives": lambda: Agents(
        "directives", START.text, DirectiveWriter(), DirectiveCritic(), DirectiveModifier(), RuleQuestioner()
    ),
}


def agents(name: str) -> Agents:
    """The family of this name.

    Raises:
        UsageError: there is no such family.
    """
    if name not in _FAMILIES:
        raise UsageError(f"agents {name!r} are not known; choose one of: {', '.join(sorted(_FAMILIES))}")
    return _FAMILIES[name]()
