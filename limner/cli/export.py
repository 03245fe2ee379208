"""`limner export-onnx`: a pipeline of diffusers as a folder for ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from limner.cli.console import JsonFlag, QuietFlag, err, print_json


def export_onnx(
    model: Annotated[str, typer.Argument(help="microworld, diffusers:OWNER/MODEL or diffusers:PATH.")],
    out: Annotated[Path, typer.Argument(help="Folder to write, which is not there yet.")],
    pictures: Annotated[int, typer.Option(help="Pictures drawn by both to compare them; 0 leaves it out.", min=0)] = 2,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Export a model's networks to ONNX, compare them with torch, and say how equal they are."""
    from limner.generation import onnx_export

    def say(line: str) -> None:
        err().print(line, markup=False)

    done = onnx_export.export(model, out, pictures=pictures, say=(lambda _: None) if quiet else say)
    parts, size, alone, parity = done.manifest.parts, done.manifest.size, done.manifest.alone, done.parity
    if json:
        deviations = {name: part.deviation for name, part in parts.items()}
        compared = parity and parity._asdict()
        print_json(
            {"folder": str(done.folder), "size": size, "alone": alone, "deviation": deviations, "parity": compared}
        )
        return
    for name, part in parts.items():
        print(f"{name}: {sum(part.files.values()) / 1e6:.1f} MB, off by {part.deviation:.0e} of its largest value")
    if size:
        print(f"draws {size[0]}x{size[1]} pixels alone{', one picture at a time' if alone else ''}")
    if parity:
        print(
            f"{parity.pictures} pictures: {parity.within:.2%} of values within 2/255 of torch's, the farthest "
            f"{parity.largest * 255:.0f}/255 off"
        )
    print(f"draw with: --generator onnx:{done.folder}")
