"""The directive writer: obeys the sentences of an instruction that the catalogue has, and leaves the others.

Only the instruction is obeyed. The request is data: whatever it says, it is taken apart into objects and said again.
"""

from __future__ import annotations

from dataclasses import dataclass

from limner.agents.composer import compose
from limner.agents.parser import parse
from limner.agents.sentences import read
from limner.agents.style import Style
from limner.types import Instruction, Prompt, Query


@dataclass(frozen=True, slots=True)
class Written:
    """A prompt and how it came about.

    `applied` are ids of directives, `left` sentences of the instruction that were not understood, `unparsed` pieces
    of the request that were kept as they are.
    """

    prompt: Prompt
    applied: tuple[str, ...]
    left: tuple[str, ...]
    unparsed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DirectiveWriter:
    """Rewrites requests by catalogue sentences."""

    name: str = "directives"

    async def write(self, instruction: Instruction, query: Query) -> Prompt:
        """Write the prompt; an instruction without a known sentence leaves the request as it is."""
        return self.explain(instruction, query).prompt

    def explain(self, instruction: Instruction, query: Query) -> Written:
        """Write the prompt and say what was applied and what was left."""
        reading = read(instruction.text)
        request = parse(query.text)
        style = Style()
        for directive in reading.known:
            style = directive.edit(style)
        return Written(
            prompt=Prompt(compose(request, style)),
            applied=tuple(directive.id for directive in reading.known),
            left=reading.unknown,
            unparsed=request.rest,
        )
