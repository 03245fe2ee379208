"""A family of agents: those that go together, and the text that they begin with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from limner.agents.protocols import Critic, InstructionModifier, PromptWriter, Questioner
from limner.protocols import ChatModel, Connects

Door = Callable[[ChatModel], ChatModel]
"""What stands between agents and their chat models: a ledger's recording."""


@dataclass(frozen=True, slots=True)
class Agents:
    """One family: the three agents of the search, the one that asks, and the text of the start instruction.

    `sees` says whether the critic wants pictures with its trials. Agents that ask chat models name them in `chats`, and
    `through` makes the same family with each of them behind a door.
    """

    name: str
    start: str
    writer: PromptWriter
    critic: Critic
    modifier: InstructionModifier
    questioner: Questioner
    sees: bool = False
    chats: tuple[ChatModel, ...] = ()
    through: Callable[[Door], Agents] | None = None

    def behind(self, door: Door) -> Agents:
        """The same family with its chat models, if it has any, behind a door."""
        return self if self.through is None else self.through(door)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Keep the connections of the chat models open, where there are any, for the length of the block."""
        async with AsyncExitStack() as stack:
            for chat in self.chats:
                if isinstance(chat, Connects):
                    await stack.enter_async_context(chat.connected())
            yield
