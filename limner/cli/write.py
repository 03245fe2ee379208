"""`limner write`: rewrite requests by an instruction."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limner.cli.console import JsonFlag, print_json
from limner.cli.writing import AgentsOption, BaseUrlOption, LockOption, PresetOption, StyleNeutralOption

if TYPE_CHECKING:
    from limner.types import Prompt


def write(
    query: Annotated[list[str], typer.Argument(help="Requests for pictures, in your own words.")],
    instruction: Annotated[str, typer.Option(help="An exported file, a text file, a session, or an instruction's id.")],
    agents: AgentsOption = None,
    generator: Annotated[str | None, typer.Option(help="Image model to write for; it is not loaded.")] = None,
    base_url: BaseUrlOption = None,
    preset: PresetOption = None,
    locked: LockOption = None,
    style_neutral: StyleNeutralOption = None,
    out: Annotated[Path | None, typer.Option(help="Where sessions are kept. [runs]")] = None,
    json: JsonFlag = False,
) -> None:
    """Rewrite each request as an instruction says; one prompt a line."""
    from limner import settings
    from limner.graph.library import find_lineage
    from limner.graph.writing import write_prompts

    chosen = find_lineage(instruction, out or settings.load().out)[-1]
    prompts = write_prompts(
        query,
        chosen,
        agents=agents,
        generator=generator,
        base_url=base_url,
        preset=preset,
        locked=locked or None,
        style_neutral=style_neutral,
    )
    if json:
        rows = [_row(text, prompt) for text, prompt in zip(query, prompts, strict=True)]
        print_json({"instruction": chosen.id, "prompts": rows})
        return
    for prompt in prompts:
        print(prompt.text)


def _row(query: str, prompt: Prompt) -> dict[str, str]:
    return {"query": query, "prompt": prompt.text, "negative": prompt.negative}
