"""`limner demo`: the main job on the embedded world, with the oracle's word on the result.

It needs no GPU, key or download. The search sees queries, scores and answers; the oracle reads the held-out pictures
afterwards, so the judge of the result is not the judge of the search.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limner.cli.console import JsonFlag, QuietFlag, err, interval_json, interval_text, out, print_json

if TYPE_CHECKING:
    from limner.bench.acceptance import Acceptance

PICTURES = 450
"""What the demo draws at most."""
ROUNDS = 100
"""More than the pictures last for: the budget ends the search."""


def demo(
    seed: Annotated[int | None, typer.Option(help="Same seed and machine: same result. [0]", min=0)] = None,
    rounds: Annotated[int | None, typer.Option(help=f"Rounds of search at most. [{ROUNDS}]")] = None,
    folder: Annotated[Path | None, typer.Option("--out", help="Where sessions are kept. [runs]")] = None,
    resume: Annotated[str | None, typer.Option(help="Demo to go on with, by name or directory.")] = None,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Evolve an instruction on the embedded world and show what it changed."""
    from limner.bench.acceptance import accept, oracle
    from limner.bench.truth import held_out_cases, professional_writer
    from limner.cli.evolve import NAMES, show, watched_run
    from limner.graph.api import as_json
    from limner.graph.options import prepare
    from limner.ledger import Ledger

    if not quiet:
        err().print(
            f"Evolving an instruction on the embedded world: at most {PICTURES} pictures, drawn on this machine."
        )
    options: dict[str, Any] = {"seed": seed, "rounds": rounds, "budget_pictures": PICTURES}
    if resume is None and rounds is None:
        options["rounds"] = ROUNDS
    cases = held_out_cases()
    judges: dict[str, Any] = {"professional": professional_writer(), "acceptance": oracle(cases)}
    prepared = prepare(resume=resume, out=folder, **judges, **options)
    result = watched_run(prepared, quiet=quiet, command="demo")
    with Ledger.open(result.folder, replay=True) as ledger:
        acceptance = accept(result, cases, ledger.picture)
    if json:
        print_json({**as_json(result), "acceptance": _as_json(acceptance)})
        return
    show(result, json=False)
    console = out()
    console.print(_table(acceptance, NAMES))
    gain = acceptance.differences.get("evolved_minus_start")
    if gain is not None:
        console.print(
            f"By the oracle, evolved minus start in all-correct and well drawn: {interval_text(interval_json(gain))}."
        )
    console.print("\nOpen the report in a browser, or try a request of your own:")
    console.print(f'  limner write "a green ring under a red square" --instruction {result.session}', soft_wrap=True)
    console.print(
        "\nOn a CPU the painter draws faster through ONNX Runtime (pip install 'limner[onnx]'):", markup=False
    )
    console.print("  limner export-onnx microworld painter-onnx", soft_wrap=True)


def _as_json(acceptance: Acceptance) -> dict[str, Any]:
    return {
        "shares": {
            column: {measure: interval_json(share) for measure, share in shares.items()}
            for column, shares in acceptance.shares.items()
        },
        "differences": {name: interval_json(value) for name, value in acceptance.differences.items()},
    }


def _table(acceptance: Acceptance, names: dict[str, str]) -> Any:
    from rich.table import Table

    grid = Table(title="The same pictures read by the oracle (shares with 95 % intervals)", title_justify="left")
    for heading in ("", "all correct", "well drawn", "both"):
        grid.add_column(heading, justify="left" if not heading else "right")
    for column, shares in acceptance.shares.items():
        grid.add_row(names[column], *(interval_text(interval_json(share)) for share in shares.values()))
    return grid
