"""`limner edit`: change a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from limner.cli.console import JsonFlag, QuietFlag
from limner.cli.drawing import (
    DeviceOption,
    DtypeOption,
    GuidanceOption,
    LoraOption,
    OffloadOption,
    SchedulerOption,
    StepsOption,
    StripOption,
    generation_settings,
    show_drawn,
)


def edit(
    picture: Annotated[Path, typer.Argument(help="The picture file.")],
    instruction: Annotated[str, typer.Argument(help="What shall be different.")],
    editor: Annotated[str | None, typer.Option(help="Editor: microworld, diffusers:PATH. [the generator]")] = None,
    region: Annotated[str | None, typer.Option(help="Where: x,y,width,height in pixels. [anywhere]")] = None,
    strength: Annotated[float | None, typer.Option(help="How much is painted anew, up to 1.", min=0, max=1)] = None,
    prompt: Annotated[
        str, typer.Option(help="The whole finished picture, for models that paint anew. [the instruction]")
    ] = "",
    negative: Annotated[str, typer.Option(help="What the picture shall not show.")] = "",
    n: Annotated[int, typer.Option(help="How many results.", min=1, max=1000)] = 1,
    seed: Annotated[int, typer.Option(help="Seed of the first; the others follow.", min=0)] = 0,
    steps: StepsOption = None,
    guidance: GuidanceOption = None,
    scheduler: SchedulerOption = None,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    offload: OffloadOption = None,
    lora: LoraOption = None,
    budget_pictures: Annotated[int | None, typer.Option(help="Pictures at most.")] = None,
    strip_metadata: StripOption = False,
    out: Annotated[Path | None, typer.Option(help="Where sessions are kept. [runs]")] = None,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Change a picture as the instruction says; beyond the region's soft rim not one pixel changes."""
    from limner import settings
    from limner.graph.edit import edit_picture, parsed_region

    loaded = settings.load(
        models={"editor": editor},
        drawing={"steps": steps, "guidance": guidance, "scheduler": scheduler},
        generation=generation_settings(device, dtype, offload, lora),
        budget={"pictures": budget_pictures},
        out=out,
    )
    edited = edit_picture(
        loaded,
        picture,
        instruction,
        prompt=prompt,
        negative=negative,
        region=parsed_region(region) if region else None,
        strength=strength,
        n=n,
        seed=seed,
        metadata=not strip_metadata,
    )
    show_drawn(edited.session, edited.items, edited.files, what="edited", json=json, quiet=quiet)
