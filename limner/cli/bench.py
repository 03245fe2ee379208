"""`limner bench NAME`: reproduce a measured claim."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from limner.cli.console import JsonFlag, QuietFlag, err, out, print_json

app = typer.Typer(help="Reproduce the measured claims.", rich_markup_mode=None)
QuickFlag = Annotated[bool, typer.Option("--quick", help="A small run that shows that the command works.")]


def _measure(name: str, json: bool, quick: bool, quiet: bool, **options: Any) -> None:
    from limner.bench import benchmark

    if not quiet:
        err().print(f"Measuring {name} ...")
    with _progress(quiet):
        figures = benchmark(name)(quick=quick, **options)
    if json:
        print_json(figures)
        return
    for key, value in figures.items():
        if key != "targets":
            print(f"{key}: {value}")
    if "targets" in figures:
        out().print(_table(figures["targets"]))


@contextmanager
def _progress(quiet: bool) -> Iterator[None]:
    """What a benchmark logs goes to stderr meanwhile, unless it is to be quiet."""
    log, handler = logging.getLogger("limner.bench"), logging.StreamHandler()
    before = log.level
    if not quiet:
        log.addHandler(handler)
        log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before)


def _table(targets: Mapping[str, Mapping[str, Any]]) -> Any:
    from rich.table import Table

    grid = Table(title="Targets", title_justify="left")
    for heading in ("", "measured", "target", "met"):
        grid.add_column(heading, justify="left" if not heading else "right")
    for name, row in targets.items():
        value = "-" if row["value"] is None else f"{row['value']:.3g}"
        grid.add_row(name, value, f"at {row['at']} {row['target']:g}", "yes" if row["met"] else "no")
    return grid


@app.command()
def world(json: JsonFlag = False, quick: QuickFlag = False, quiet: QuietFlag = False) -> None:
    """Measure the embedded world itself: its oracle, painter, eye and taste, against what they have to reach."""
    _measure("world", json, quick, quiet)


@app.command()
def resume(json: JsonFlag = False, quick: QuickFlag = False, quiet: QuietFlag = False) -> None:
    """Kill evolve at random moments and resume it: the same result, nothing drawn twice, nothing overspent."""
    _measure("resume", json, quick, quiet)


@app.command()
def catalogue(json: JsonFlag = False, quick: QuickFlag = False, quiet: QuietFlag = False) -> None:
    """Draw with each sentence of the catalogue alone: which help, which do nothing, which harm."""
    _measure("catalogue", json, quick, quiet)


@app.command()
def draw(
    json: JsonFlag = False,
    quick: QuickFlag = False,
    quiet: QuietFlag = False,
    sdxl: Annotated[bool, typer.Option("--sdxl", help="Also an SDXL-sized pipeline at 1024 px; needs a GPU.")] = False,
) -> None:
    """Time drawing through generator and ledger against the bare pipeline at its best batch size."""
    _measure("draw", json, quick, quiet, sdxl=sdxl)


@app.command()
def overhead(json: JsonFlag = False, quick: QuickFlag = False, quiet: QuietFlag = False) -> None:
    """Time evolve against the bare models on the same batches."""
    _measure("overhead", json, quick, quiet)


@app.command()
def hps(
    json: JsonFlag = False,
    quick: QuickFlag = False,
    quiet: QuietFlag = False,
    device: Annotated[str, typer.Option(help="cpu or cuda, for both sides.")] = "cpu",
) -> None:
    """Compare HPS v2 scores and their speed with the package hpsv2 (fetched into an environment of its own)."""
    _measure("hps", json, quick, quiet, device=device)


@app.command()
def onnx(json: JsonFlag = False, quick: QuickFlag = False, quiet: QuietFlag = False) -> None:
    """Time drawing with ONNX Runtime against torch on this CPU, and compare the pictures."""
    _measure("onnx", json, quick, quiet)


@app.command()
def bandit(json: JsonFlag = False, quick: QuickFlag = False, quiet: QuietFlag = False) -> None:
    """Play every bandit on thousands of small worlds, beside MABWiser (fetched into an environment of its own)."""
    _measure("bandit", json, quick, quiet)


@app.command()
def search(
    json: JsonFlag = False,
    quick: QuickFlag = False,
    quiet: QuietFlag = False,
    painter: Annotated[bool, typer.Option("--painter", help="On the painter itself, 3 seeds. Takes hours.")] = False,
    seeds: Annotated[str | None, typer.Option(help="Only these, such as 0-4 or 7: to measure in pieces. [all]")] = None,
    folder: Annotated[Path | None, typer.Option("--out", help="Where runs are kept, to go on with. [runs]")] = None,
    picture: Annotated[
        Path | None, typer.Option("--chart", help="Write score against pictures as an SVG here.")
    ] = None,
) -> None:
    """Count the pictures until each search's choice is good, beside gepa and promptolution (fetched, kept apart)."""
    chosen = _numbers(seeds)
    _measure("search", json, quick, quiet, painter=painter, seeds=chosen, out=folder, picture=picture)


@app.command()
def evolve(
    json: JsonFlag = False,
    quick: QuickFlag = False,
    quiet: QuietFlag = False,
    ablations: Annotated[bool, typer.Option("--ablations", help="Also with one part taken out. Takes hours.")] = False,
    surrogate: Annotated[bool, typer.Option("--surrogate", help="On a fit of the world: draws nothing.")] = False,
    pictures: Annotated[int | None, typer.Option(min=1, help="For every search. [600; quick 24]")] = None,
    seeds: Annotated[str | None, typer.Option(help="Only these, such as 0-4 or 7: to measure in pieces. [all]")] = None,
    folder: Annotated[Path | None, typer.Option("--out", help="Where sessions are kept, to go on with. [runs]")] = None,
) -> None:
    """Compare evolved instructions on unseen requests with other ways of asking; count false claims."""
    given = {"ablations": ablations, "surrogate": surrogate, "pictures": pictures}
    _measure("evolve", json, quick, quiet, **given, seeds=_numbers(seeds), out=folder)


@app.command()
def transfer(
    json: JsonFlag = False,
    quick: QuickFlag = False,
    quiet: QuietFlag = False,
    pictures: Annotated[int | None, typer.Option(min=1, help="For every search. [600; quick 24]")] = None,
    seeds: Annotated[str | None, typer.Option(help="Only these, such as 0-4 or 7. [0-3]")] = None,
    folder: Annotated[Path | None, typer.Option("--out", help="As for evolve, whose sessions are used. [runs]")] = None,
) -> None:
    """Use instructions evolved on one painter on another, and the other way round."""
    _measure("transfer", json, quick, quiet, pictures=pictures, seeds=_numbers(seeds), out=folder)


def _numbers(text: str | None) -> list[int] | None:
    """`0-4`, `7` or `0-2,5` as numbers."""
    if text is None:
        return None
    numbers: list[int] = []
    for piece in text.split(","):
        first, dash, last = piece.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise typer.BadParameter(f"{text!r} names no seeds; say for example 0-4 or 0,3")
        numbers += range(int(first), int(last if dash else first) + 1)
    return numbers


@app.command()
def agents(json: JsonFlag = False, quick: QuickFlag = False, quiet: QuietFlag = False) -> None:
    """Time evolve with language models that answer after 0.3 s against the turns that must wait for each other."""
    _measure("agents", json, quick, quiet)


@app.command()
def calibration(
    json: JsonFlag = False,
    quick: QuickFlag = False,
    quiet: QuietFlag = False,
    folder: Annotated[Path | None, typer.Option("--out", help="Where the curves are drawn. [runs]")] = None,
) -> None:
    """Compare eye and taste with the oracle: reliability, AUC, and who is preferred of two; draw the curves."""
    _measure("calibration", json, quick, quiet, out=folder)
