"""Requests rewritten by an instruction: what a search has found, put to use."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from limner.agents import agents as family
from limner.graph.driving import run
from limner.graph.queries import checked, tidied
from limner.types import Instruction, Prompt


def write_prompts(
    queries: Sequence[str], instruction: Instruction | str, *, agents: str = "directives"
) -> list[Prompt]:
    """Rewrite each request as the instruction says; prompts in the order of the requests.

    Args:
        queries: requests for pictures, in people's own words.
        instruction: of a result (`result.instruction`), or any text.
        agents: the family whose writer is asked.

    Raises:
        QueryError: an unusable request.
        UsageError: there is no such family.
    """
    chosen = Instruction(instruction) if isinstance(instruction, str) else instruction
    requests = {query.text: query for query in checked(queries)}
    writer = family(agents).writer

    async def written() -> list[Prompt]:
        return await asyncio.gather(*(writer.write(chosen, requests[tidied(text)]) for text in queries))

    return run(written)
