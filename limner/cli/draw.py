"""`limner draw`: draw prompts as they stand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limner.cli.console import JsonFlag, QuietFlag, err, print_json
from limner.cli.drawing import GuidanceOption, HeightOption, SchedulerOption, StepsOption, WidthOption

if TYPE_CHECKING:
    from limner.types import Failure


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
    base_url: Annotated[str | None, typer.Option(help="Address of an OpenAI-compatible endpoint.")] = None,
    price_per_picture: Annotated[float | None, typer.Option(help="USD per picture of a remote generator.")] = None,
    budget_pictures: Annotated[int | None, typer.Option(help="Pictures at most.")] = None,
    grid: Annotated[bool, typer.Option("--grid", help="Also write one sheet of all pictures.")] = False,
    out: Annotated[Path | None, typer.Option(help="Where sessions are kept. [runs]")] = None,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Draw each prompt n times and save the pictures, which remember what they were made from."""
    from limner import settings
    from limner.graph.draw import draw_prompts
    from limner.types import Picture

    loaded = settings.load(
        models={"generator": generator, "base_url": base_url, "price_per_picture": price_per_picture},
        drawing={"steps": steps, "guidance": guidance, "width": width, "height": height, "scheduler": scheduler},
        budget={"pictures": budget_pictures},
        out=out,
    )
    drawn = draw_prompts(loaded, prompt, n=n, seed=seed, negative=negative, sheet=grid)
    failed = [item for item in drawn.items if not isinstance(item, Picture)]
    if json:
        print_json({"session": drawn.session, "files": [str(file) for file in drawn.files], "failed": len(failed)})
    else:
        for file in drawn.files:
            print(file)
    if failed and not quiet:
        err().print(_failures(failed), markup=False)
    if failed:
        raise typer.Exit(1)


def _failures(failed: list[Failure]) -> str:
    return f"{len(failed)} pictures were not drawn, the first because: {failed[0]}"
