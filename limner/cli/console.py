"""What people see: results on stdout, progress on stderr; a bar on a terminal, one line per step elsewhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from limner.types import Interval

PIPED_WIDTH = 110
JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, with stable keys.")]
QuietFlag = Annotated[bool, typer.Option("--quiet", help="Print no progress.")]


def err() -> Console:
    """The console for progress and remarks; obeys NO_COLOR."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def out() -> Console:
    """The console for results; wide enough for a table where there is no terminal to fit into."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PIPED_WIDTH)


def print_json(value: Any) -> None:
    """One JSON object on stdout."""
    print(json.dumps(value, ensure_ascii=False))


def interval_json(interval: Interval | None) -> dict[str, float | None] | None:
    """An interval as JSON, with its names."""
    return None if interval is None else interval._asdict()


def interval_text(interval: dict[str, float | None] | None) -> str:
    """`0.31 [0.22, 0.40]`, or a dash where there is nothing."""
    if interval is None:
        return "-"
    mean, low, high = interval["mean"], interval["low"], interval["high"]
    return f"{mean:.2f}" if low is None or high is None else f"{mean:.2f} [{low:.2f}, {high:.2f}]"
