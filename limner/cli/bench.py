"""`limner bench NAME`: reproduce a measured claim."""

from __future__ import annotations

from typing import Annotated

import typer

from limner.cli.console import JsonFlag, QuietFlag, err, print_json

app = typer.Typer(help="Reproduce the measured claims.", rich_markup_mode=None)
QuickFlag = Annotated[bool, typer.Option("--quick", help="A small run that shows that the command works.")]


def _measure(name: str, json: bool, quick: bool, quiet: bool) -> None:
    from limner.bench import benchmark

    if not quiet:
        err().print(f"Measuring {name} ...")
    figures = benchmark(name)(quick=quick)
    if json:
        print_json(figures)
        return
    for key, value in figures.items():
        print(f"{key}: {value}")


@app.command()
def resume(json: JsonFlag = False, quick: QuickFlag = False, quiet: QuietFlag = False) -> None:
    """Kill evolve at random moments and resume it: the same result, nothing drawn twice, nothing overspent."""
    _measure("resume", json, quick, quiet)


@app.command()
def catalogue(json: JsonFlag = False, quick: QuickFlag = False, quiet: QuietFlag = False) -> None:
    """Draw with each sentence of the catalogue alone: which help, which do nothing, which harm."""
    _measure("catalogue", json, quick, quiet)


@app.command()
def overhead(json: JsonFlag = False, quick: QuickFlag = False, quiet: QuietFlag = False) -> None:
    """Time evolve against the bare models on the same batches."""
    _measure("overhead", json, quick, quiet)


@app.command()
def bandit(json: JsonFlag = False, quick: QuickFlag = False, quiet: QuietFlag = False) -> None:
    """Play every bandit on thousands of small worlds, beside MABWiser (fetched into an environment of its own)."""
    _measure("bandit", json, quick, quiet)
