"""The options of every command that draws."""

from __future__ import annotations

from typing import Annotated

import typer

StepsOption = Annotated[int | None, typer.Option(help="Denoising steps. [the model's own]")]
GuidanceOption = Annotated[float | None, typer.Option(help="Guidance scale. [the model's own]")]
WidthOption = Annotated[int | None, typer.Option(help="Pixels. [the model's own]")]
HeightOption = Annotated[int | None, typer.Option(help="Pixels. [the model's own]")]
SchedulerOption = Annotated[str | None, typer.Option(help="Scheduler's class in diffusers. [the model's own]")]
