"""`limner write`: rewrite requests by an instruction."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limner.cli.console import JsonFlag, print_json

if TYPE_CHECKING:
    from limner.types import Prompt, Query


def write(
    query: Annotated[list[str], typer.Argument(help="Requests for pictures, in your own words.")],
    instruction: Annotated[str, typer.Option(help="An exported file, a session, or an instruction's id.")],
    agents: Annotated[str, typer.Option(help="Family of agents.")] = "directives",
    out: Annotated[Path | None, typer.Option(help="Where sessions are kept. [runs]")] = None,
    json: JsonFlag = False,
) -> None:
    """Rewrite each request as an instruction says; one prompt a line."""
    from limner import settings
    from limner.agents import agents as family
    from limner.graph.library import find_lineage
    from limner.graph.queries import checked

    chosen = find_lineage(instruction, out or settings.load().out)[-1]
    writer = family(agents).writer
    queries = checked(query)

    async def written() -> list[Prompt]:
        return await asyncio.gather(*(writer.write(chosen, one) for one in queries))

    rows = list(zip(queries, asyncio.run(written()), strict=True))
    if json:
        print_json({"instruction": chosen.id, "prompts": [_row(one, prompt) for one, prompt in rows]})
        return
    for _, prompt in rows:
        print(prompt.text)


def _row(query: Query, prompt: Prompt) -> dict[str, str]:
    return {"query": query.text, "prompt": prompt.text, "negative": prompt.negative}
