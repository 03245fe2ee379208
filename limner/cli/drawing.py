"""The options of every command that draws, and how what was drawn is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limner.cli.console import err, print_json

if TYPE_CHECKING:
    from limner.types import Failure, Picture

StepsOption = Annotated[int | None, typer.Option(help="Denoising steps. [the model's own]")]
GuidanceOption = Annotated[float | None, typer.Option(help="Guidance scale. [the model's own]")]
WidthOption = Annotated[int | None, typer.Option(help="Pixels. [the model's own]")]
HeightOption = Annotated[int | None, typer.Option(help="Pixels. [the model's own]")]
SchedulerOption = Annotated[str | None, typer.Option(help="euler a, dpm++ 2m karras, unipc, lcm ... [the model's own]")]
DeviceOption = Annotated[str | None, typer.Option(help="cuda, cuda:1, cpu. [CUDA if there is any]")]
DtypeOption = Annotated[str | None, typer.Option(help="float32, bfloat16, float16. [by the device]")]
OffloadOption = Annotated[
    str | None, typer.Option(help="Keep parts in main memory until needed: model, sequential. [none]")
]
StripOption = Annotated[
    bool, typer.Option("--strip-metadata", help="Write picture files that do not say how they were made.")
]
LoraOption = Annotated[list[str] | None, typer.Option(help="LoRA: PATH or PATH:WEIGHT; may be given again.")]


def generation_settings(
    device: str | None, dtype: str | None, offload: str | None, loras: list[str] | None
) -> dict[str, Any]:
    """These options as the section `generation` of the settings; what is not given is None."""
    from limner.generation import Lora

    given = [asdict(Lora.parse(text)) for text in loras or []]
    return {"device": device, "dtype": dtype, "offload": offload, "loras": given or None}


def show_drawn(
    session: str, items: Sequence[Picture | Failure], files: Sequence[Path], *, what: str, json: bool, quiet: bool
) -> None:
    """Print the files that were written and say what failed.

    Raises:
        typer.Exit: with code 1 if a picture failed.
    """
    from limner.types import Failure

    failed = [item for item in items if isinstance(item, Failure)]
    if json:
        print_json({"session": session, "files": [str(file) for file in files], "failed": len(failed)})
    else:
        for file in files:
            print(file)
    if failed and not quiet:
        many = f"{len(failed)} pictures were not {what}, the first because"
        said = many if len(failed) > 1 else f"The picture was not {what}" if len(items) == 1 else f"1 was not {what}"
        err().print(f"{said}: {failed[0].reason}", markup=False, soft_wrap=True)
    if failed:
        raise typer.Exit(1)
