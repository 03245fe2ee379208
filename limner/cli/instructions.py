"""`limner instructions`: keep, share and list what runs have found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from limner.cli.console import JsonFlag, print_json

app = typer.Typer(help="Export, import and list instructions.", rich_markup_mode=None)
OutOption = Annotated[Path | None, typer.Option("--out", help="Where sessions are kept. [runs]")]


@app.command("export")
def export_(
    name: Annotated[str, typer.Argument(help="A session, or an instruction's id.")],
    file: Annotated[Path, typer.Argument(help="The file to write; one that ends in .txt has the text alone.")],
    out: OutOption = None,
    json: JsonFlag = False,
) -> None:
    """Write an instruction with its lineage to a file."""
    from limner.graph.library import find_lineage
    from limner.prompt_db import save_instruction

    lineage = find_lineage(name, _out(out))
    save_instruction(file, lineage)
    _say(json, {"id": lineage[-1].id, "file": str(file)}, f"{lineage[-1].id} written to {file}")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A file of `limner instructions export`, or a text file.")],
    out: OutOption = None,
    json: JsonFlag = False,
) -> None:
    """Keep an exported instruction, so that it is found by its id."""
    from limner.graph.library import import_lineage

    kept = import_lineage(file, _out(out))
    _say(json, {"id": kept.stem, "file": str(kept)}, f"{kept.stem} kept in {kept}")


@app.command("list")
def list_(out: OutOption = None, json: JsonFlag = False) -> None:
    """List imported instructions and the best one of each session."""
    from limner.graph.library import every_instruction

    rows = [{"from": where, "id": one.id, "text": one.text} for where, one in every_instruction(_out(out))]
    lines = [f"{row['id']}  {row['from']}  {row['text']}" for row in rows]
    _say(json, {"instructions": rows}, "\n".join(lines) or f"No instructions under {_out(out)}.")


def _say(json: bool, row: dict[str, object], line: str) -> None:
    if json:
        print_json(row)
    else:
        print(line)


def _out(given: Path | None) -> Path:
    from limner import settings

    return given or settings.load().out
