"""The family that thinks: writer, critic, modifier and questioner by language models, each file with its prompt."""

from __future__ import annotations

from dataclasses import dataclass

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
    """Which chat model thinks for which role."""

    writer: ChatModel
    critic: ChatModel
    modifier: ChatModel
    questioner: ChatModel

    @classmethod
    def of(cls, chat: ChatModel) -> Minds:
        """One model for all roles."""
        return cls(chat, chat, chat, chat)

    @property
    def chats(self) -> tuple[ChatModel, ...]:
        """The models, each once."""
        every = (self.writer, self.critic, self.modifier, self.questioner)
        return tuple({id(chat): chat for chat in every}.values())

    @property
    def name(self) -> str:
        """The model's identity, or each role's where they differ."""
        roles = {"writer": self.writer, "critic": self.critic, "modifier": self.modifier, "questioner": self.questioner}
        named = {role: chat.identity for role, chat in roles.items()}
        if len(set(named.values())) == 1:
            return self.writer.identity
        return ", ".join(f"{role}={identity}" for role, identity in named.items())


def thinking(
    minds: Minds,
    rules: WritingRules | None = None,
    *,
    second_look: bool = False,
    sees: bool = False,
    door: Door | None = None,
) -> Agents:
    """The family of agents that ask these models.

    Args:
        minds: the chat model of each role.
        rules: what holds for every prompt.
        second_look: whether the writer's model also checks the prompts that the guard's rules let pass.
        sees: whether the critic is shown pictures.
        door: what each model is put behind, once per model.
    """
    rules = rules or WritingRules()
    models: dict[int, StructuredChat] = {}

    def model(chat: ChatModel) -> StructuredChat:
        if id(chat) not in models:
            models[id(chat)] = StructuredChat(door(chat) if door else chat)
        return models[id(chat)]

    writer = model(minds.writer)
    checker = LanguageChecker(writer) if second_look else None
    return Agents(
        name=minds.name,
        start=START,
        writer=GuardedWriter(LanguageWriter(writer, minds.name, rules), rules, checker),
        critic=LanguageCritic(model(minds.critic), minds.name, sees),
        modifier=LanguageModifier(model(minds.modifier), minds.name),
        questioner=LanguageQuestioner(model(minds.questioner), minds.name),
        sees=sees,
        chats=minds.chats,
        through=lambda door: thinking(minds, rules, second_look=second_look, sees=sees, door=door),
    )
