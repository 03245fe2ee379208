"""The family that thinks: writer, critic, modifier and questioner by language models, each file with its prompt."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from limner.agents.family import Agents, Door
from limner.agents.guard import GuardedWriter
from limner.agents.rules import WritingRules
from limner.agents.thinking.checker import LanguageChecker
from limner.agents.thinking.critic import LanguageCritic
from limner.agents.thinking.modifier import LanguageModifier
from limner.agents.thinking.questioner import LanguageQuestioner
from limner.agents.thinking.writer import LanguageWriter
from limner.llm import StructuredChat
from limner.protocols import ChatModel

__all__ = [
    "START",
    "LanguageChecker",
    "LanguageCritic",
    "LanguageModifier",
    "LanguageQuestioner",
    "LanguageWriter",
    "Minds",
    "thinking",
]

START = "Carefully refine this request into a prompt."
"""Where a search begins unless told otherwise: as in the paper (arXiv 2406.08713), plain."""


@dataclass(frozen=True, slots=True)
class Minds:
    """Which chat model thinks for which role. `guard` gives prompts a second look; None leaves that to the rules."""

    writer: ChatModel
    critic: ChatModel
    modifier: ChatModel
    questioner: ChatModel
    guard: ChatModel | None = None

    @classmethod
    def of(cls, chat: ChatModel) -> Minds:
        """One model for all roles, and no second look."""
        return cls(chat, chat, chat, chat)

    @property
    def name(self) -> str:
        """The model's identity, or each role's where they differ."""
        roles = {"writer": self.writer, "critic": self.critic, "modifier": self.modifier, "questioner": self.questioner}
        named = {role: chat.identity for role, chat in roles.items()}
        one = next(iter(named.values())) if len(set(named.values())) == 1 else None
        said = one or ", ".join(f"{role}={identity}" for role, identity in named.items())
        return said if self.guard is None else f"{said}, guard={self.guard.identity}"


def thinking(
    minds: Minds, rules: WritingRules | None = None, *, sees: bool = False, door: Door | None = None
) -> Agents:
    """The family of agents that ask these models.

    Args:
        minds: the chat model of each role.
        rules: what holds for every prompt.
        sees: whether the critic is shown pictures.
        door: what each model is put behind, once per model.
    """
    rules = rules or WritingRules()
    models: dict[int, StructuredChat] = {}

    def model(chat: ChatModel) -> StructuredChat:
        if id(chat) not in models:
            models[id(chat)] = StructuredChat(door(chat) if door else chat)
        return models[id(chat)]

    name = minds.name
    return Agents(
        name=name,
        start=START,
        writer=GuardedWriter(
            LanguageWriter(model(minds.writer), name, rules),
            rules,
            None if minds.guard is None else LanguageChecker(model(minds.guard)),
        ),
        critic=LanguageCritic(model(minds.critic), name, sees),
        modifier=LanguageModifier(model(minds.modifier), name),
        questioner=LanguageQuestioner(model(minds.questioner), name),
        sees=sees,
        through=partial(_through, minds, rules, sees),
    )


def _through(minds: Minds, rules: WritingRules, sees: bool, door: Door) -> Agents:
    return thinking(minds, rules, sees=sees, door=door)
