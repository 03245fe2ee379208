"""`limner inspect`: what a picture says of how it was made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from limner.cli.console import JsonFlag, print_json


def inspect(
    picture: Annotated[Path, typer.Argument(help="A PNG, JPEG or WebP file.")],
    strip_metadata: Annotated[
        Path | None, typer.Option(help="Also write the picture, without Limner's entries, to this PNG file.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Show the prompt and settings in a picture by Limner, AUTOMATIC1111, ComfyUI, Fooocus, InvokeAI and others."""
    from limner import pictures

    made = pictures.inspect(picture)
    if strip_metadata:
        strip_metadata.write_bytes(pictures.strip(picture.read_bytes()))
    if json:
        print_json({"file": str(picture), "made": made and made.as_json()})
    elif made is None:
        print(f"{picture} does not say how it was made.")
    else:
        for name, value in made.as_json().items():
            if value not in (None, "", {}):
                print(f"{name}: {value}")
