"""A family of agents: those that go together, and the text that they begin with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from limner.agents.protocols import Critic, InstructionModifier, PromptWriter, Questioner
from limner.protocols import ChatModel

Door = Callable[[ChatModel], ChatModel]
"""What stands between agents and their chat models: a ledger's recording."""


@dataclass(frozen=True, slots=True)
class Agents:
    """One family: the three agents of the search, the one that asks, and the text of the start instruction.

    `sees` says whether the critic wants pictures with its trials; `through`, for agents that ask chat models, makes the
    same family with each model behind a door.
    """

    name: str
    start: str
    writer: PromptWriter
    critic: Critic
    modifier: InstructionModifier
    questioner: Questioner
    sees: bool = False
    through: Callable[[Door], Agents] | None = None

    def behind(self, door: Door) -> Agents:
        """The same family with its chat models, if it has any, behind a door."""
        return self if self.through is None else self.through(door)
