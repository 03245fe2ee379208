"""`limner inspect`: what a picture says of how it was made."""

from __future__ import annotations

from json import dumps
from pathlib import Path
from typing import Annotated, Any

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
        pictures.save(pictures.open_picture(picture), strip_metadata, metadata=False)
    if json:
        print_json({"file": str(picture), "made": made and made.as_json()})
    elif made is None:
        print(f"{picture} does not say how it was made.")
    else:
        said = made.as_json()
        more = said.pop("more")
        for name, value in [*said.items(), *more.items()]:
            if value not in (None, "", {}):
                print(_line(name, value))


def _line(name: str, value: Any) -> str:
    """One entry as text; a stranger's control characters, which a terminal would obey, are not among it."""
    text = f"{name}: {value if isinstance(value, str | int | float) else dumps(value, ensure_ascii=False)}"
    return "".join(one if one.isprintable() or one == "\n" else "\ufffd" for one in text)
