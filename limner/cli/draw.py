"""`limner draw`: draw prompts as they stand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from limner.cli.console import JsonFlag, QuietFlag
from limner.cli.drawing import (
    DeviceOption,
    DtypeOption,
    GuidanceOption,
    HeightOption,
    LoraOption,
    OffloadOption,
    SchedulerOption,
    StepsOption,
    StripOption,
    WidthOption,
    generation_settings,
    show_drawn,
)


def draw(
    prompt: Annotated[list[str], typer.Argument(help="Prompts, drawn as they stand.")],
    generator: Annotated[str | None, typer.Option(help="Image model. [microworld]")] = None,
    n: Annotated[int, typer.Option(help="Pictures per prompt.", min=1, max=1000)] = 1,
    seed: Annotated[int, typer.Option(help="Seed of the first picture; the others follow.", min=0)] = 0,
    negative: Annotated[str, typer.Option(help="What the picture shall not show.")] = "",
    steps: StepsOption = None,
    guidance: GuidanceOption = None,
    width: WidthOption = None,
    height: HeightOption = None,
    scheduler: SchedulerOption = None,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    offload: OffloadOption = None,
    lora: LoraOption = None,
    base_url: Annotated[str | None, typer.Option(help="Address of an OpenAI-compatible endpoint.")] = None,
    price_per_picture: Annotated[float | None, typer.Option(help="USD per picture of a remote generator.")] = None,
    budget_pictures: Annotated[int | None, typer.Option(help="Pictures at most.")] = None,
    grid: Annotated[bool, typer.Option("--grid", help="Also write one sheet of all pictures.")] = False,
    query: Annotated[
        str | None, typer.Option(help="The request that the prompts answer; the pictures remember it.")
    ] = None,
    strip_metadata: StripOption = False,
    out: Annotated[Path | None, typer.Option(help="Where sessions are kept. [runs]")] = None,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Draw each prompt n times and save the pictures, which remember what they were made from."""
    from limner import settings
    from limner.graph.draw import draw_prompts

    loaded = settings.load(
        models={"generator": generator, "base_url": base_url, "price_per_picture": price_per_picture},
        drawing={"steps": steps, "guidance": guidance, "width": width, "height": height, "scheduler": scheduler},
        generation=generation_settings(device, dtype, offload, lora),
        budget={"pictures": budget_pictures},
        out=out,
    )
    drawn = draw_prompts(
        loaded,
        prompt,
        n=n,
        seed=seed,
        negative=negative,
        query=query,
        sheet=grid,
        metadata=not strip_metadata,
    )
    show_drawn(drawn.session, drawn.items, drawn.files, what="drawn", json=json, quiet=quiet)
