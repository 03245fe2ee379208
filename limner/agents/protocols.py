"""The four agents as protocols, and the frozen data that passes between them.

Agents are stateless: everything that one may use is in its arguments, so a call can be repeated, recorded and resumed.
Randomness comes from a seed that the caller derives from the run's seed and the logical position.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from limner.types import Instruction, Picture, Prompt, Query, Question


@dataclass(frozen=True, slots=True)
class Trial:
    """A prompt that was drawn and scored for a query; `reward` is normalised per query, higher is better.

    `picture` is there for critics that can see, and for the trials of a contrast alone.
    """

    query: Query
    prompt: Prompt
    reward: float
    picture: Picture | None = None


@dataclass(frozen=True, slots=True)
class Contrast:
    """The worst surviving instruction's prompt beside the best one known, for the same query."""

    worst: Trial
    best: Trial


@dataclass(frozen=True, slots=True)
class Review:
    """Everything that the critic sees.

    `instruction` is the one under review, `contrasts` its prompts of this batch against the best known, `history` every
    scored trial of the run so far (of any instruction, and professional prompts), `tried` every instruction so far.
    """

    instruction: Instruction
    contrasts: tuple[Contrast, ...]
    history: tuple[Trial, ...] = ()
    tried: tuple[Instruction, ...] = ()
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Critique:
    """What is weak in general, never about one subject, and one improvement per child to be made."""

    weaknesses: tuple[str, ...] = ()
    improvements: tuple[str, ...] = ()


@runtime_checkable
class PromptWriter(Protocol):
    """Rewrites a request as an instruction says."""

    @property
    def name(self) -> str:
        """Which family it belongs to."""
        ...

    async def write(self, instruction: Instruction, query: Query) -> Prompt:
        """Write the prompt for a query."""
        ...


@runtime_checkable
class Critic(Protocol):
    """The batch-instructed gradient (arXiv 2406.08713): finds what is wrong with an instruction."""

    @property
    def name(self) -> str:
        """Which family it belongs to."""
        ...

    async def criticise(self, review: Review, limit: int = 3) -> Critique:
        """Name weaknesses and at most `limit` improvements."""
        ...


@runtime_checkable
class InstructionModifier(Protocol):
    """Turns improvements into instructions."""

    @property
    def name(self) -> str:
        """Which family it belongs to."""
        ...

    async def modify(
        self, instruction: Instruction, improvement: str, avoid: Sequence[Instruction] = (), seed: int = 0
    ) -> Instruction | None:
        """Make the one child that an improvement asks for; None if none is possible that is not in `avoid`."""
        ...

    async def vary(
        self, instruction: Instruction, count: int = 3, avoid: Sequence[Instruction] = (), seed: int = 0
    ) -> list[Instruction]:
        """Write up to `count` more specific variants, distinct from each other and from all in `avoid`."""
        ...


@runtime_checkable
class Questioner(Protocol):
    """Takes a request apart into atomic yes/no questions."""

    @property
    def name(self) -> str:
        """Which family it belongs to."""
        ...

    async def questions(self, query: Query) -> tuple[Question, ...]:
        """Ask about everything that the request says, nothing twice; parents stand before what needs them."""
        ...
