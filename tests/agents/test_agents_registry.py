"""Families of agents by name, and that they are what the protocols say."""

from __future__ import annotations

import pytest

from limner.agents import Critic, InstructionModifier, PromptWriter, Questioner, agents
from limner.errors import UsageError


def test_the_directive_family_is_complete() -> None:
    family = agents("directives")
    assert isinstance(family.writer, PromptWriter)
    assert isinstance(family.critic, Critic)
    assert isinstance(family.modifier, InstructionModifier)
    assert isinstance(family.questioner, Questioner)
    assert {family.writer.name, family.critic.name, family.modifier.name, family.questioner.name} == {"directives"}


def test_an_unknown_family_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="agents 'gpt' are not known; choose one of: directives"):
        agents("gpt")
