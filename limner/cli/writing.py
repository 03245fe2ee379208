"""Options of commands that write prompts."""

from __future__ import annotations

from typing import Annotated

import typer

AgentsOption = Annotated[str | None, typer.Option(help="Who writes: directives, or openai:MODEL. [directives]")]
BaseUrlOption = Annotated[str | None, typer.Option(help="Address of an OpenAI-compatible endpoint.")]
PresetOption = Annotated[
    str | None, typer.Option(help="Family of image models to write for; else found by the generator's name.")
]
LockOption = Annotated[list[str] | None, typer.Option("--lock", help="Text to keep as it is; may be repeated.")]
StyleNeutralOption = Annotated[
    bool | None, typer.Option("--style-neutral", help="Add no words of style to what a request has.")
]
