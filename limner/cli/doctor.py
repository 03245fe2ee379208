"""`limner doctor`: what this machine can do, and what stands in the way."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from limner.cli.console import JsonFlag, print_json


def doctor(
    out: Annotated[Path | None, typer.Option(help="Where sessions are kept. [runs]")] = None,
    llm: Annotated[
        str | None, typer.Option(help="Ask this language model, such as openai:MODEL, what it can do.")
    ] = None,
    base_url: Annotated[str | None, typer.Option(help="Address of its endpoint.")] = None,
    json: JsonFlag = False,
) -> None:
    """Check versions, devices, embedded weights, disk and endpoint; exit 1 if something stops a run.

    With --llm check a language model instead, by five short questions.
    """
    from limner import settings
    from limner.graph.checkup import checkup
    from limner.graph.language_checkup import language_checkup

    checks = language_checkup(llm, base_url) if llm else checkup(out or settings.load().out)
    if json:
        print_json({"ok": all(check.ok for check in checks), "checks": [check.as_json() for check in checks]})
    else:
        for check in checks:
            print(f"{'ok  ' if check.ok else 'FAIL'}  {check.name}: {check.found}")
    if not all(check.ok for check in checks):
        raise typer.Exit(1)
