"""Requests rewritten by an instruction: what a search has found, put to use."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from limner.agents import Agents
from limner.graph.driving import run
from limner.graph.language import family
from limner.graph.manner import manner
from limner.graph.options import settings_of
from limner.graph.queries import checked, tidied
from limner.types import Instruction, Prompt


def write_prompts(
    queries: Sequence[str], instruction: Instruction | str, *, agents: str | Agents | None = None, **options: Any
) -> list[Prompt]:
    """Rewrite each request as the instruction says; prompts in the order of the requests.

    Args:
        queries: requests for pictures, in people's own words; equal ones are written once.
        instruction: of a result (`result.instruction`), or any text.
        agents: the family whose writer is asked, such as `directives` or `openai:MODEL`; None is that of the settings.
        **options: settings by their names, as for `limner.evolve`: `generator` or `preset` (what is written for),
            `base_url`, `style_neutral` and so on. Nothing is recorded: the turns of a language model stand outside of
            any budget.

    Raises:
        QueryError: an unusable request.
        UsageError: there is no such family.
        ChatError: the language model's endpoint gives no answer.
    """
    chosen = Instruction(instruction) if isinstance(instruction, str) else instruction
    requests = {query.text: query for query in checked(queries)}
    writer = (agents if isinstance(agents, Agents) else _family(agents, options)).writer

    async def written() -> list[Prompt]:
        return await asyncio.gather(*(writer.write(chosen, query) for query in requests.values()))

    prompts = dict(zip(requests, run(written), strict=True))
    return [prompts[tidied(text)] for text in queries]


def _family(name: str | None, options: dict[str, Any]) -> Agents:
    settings = settings_of({"agents": name, **options})
    return family(settings, **manner(settings))
