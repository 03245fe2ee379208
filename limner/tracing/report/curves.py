"""Reliability curves as one SVG picture: what was predicted, and how often it came true, in small panels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from limner.tracing.report.charts import Tick
from limner.tracing.report.figures import Scale, number

PANEL, PLOT, GAP = 190, 130, 14
"""Sides in pixels of a panel and of the square in it that is drawn on, and the margin around."""
COLUMNS = 4
ON = Scale(0.0, 1.0)


class Panel(NamedTuple):
    """One curve: (mean prediction, share that came true, count) per bin, with its AUC and calibration error."""

    title: str
    points: tuple[tuple[float, float, int], ...]
    auc: float | None
    error: float | None


class Dot(NamedTuple):
    """A bin as drawn: its area grows with the number of predictions in it."""

    x: float
    y: float
    radius: float
    label: str


class Drawn(NamedTuple):
    """A panel laid out at its place."""

    x: float
    y: float
    title: str
    caption: str
    path: str
    dots: tuple[Dot, ...]


def reliability_svg(panels: Sequence[Panel]) -> str:
    """The picture, as the text of an SVG file; light and dark."""
    from limner.tracing.report.page import environment

    placed = [_drawn(panel, place) for place, panel in enumerate(panels)]
    rows = -(-len(panels) // COLUMNS)
    ticks = tuple(Tick(value * PLOT, f"{value:g}") for value in (0.0, 0.5, 1.0))
    template = environment().get_template("reliability.svg.j2")
    return template.render(
        panels=placed, ticks=ticks, plot=PLOT, width=COLUMNS * PANEL + GAP, height=rows * (PANEL + GAP) + GAP
    )


def _drawn(panel: Panel, place: int) -> Drawn:
    row, column = divmod(place, COLUMNS)
    most = max((count for *_, count in panel.points), default=1)
    dots = tuple(
        Dot(
            ON.percent(p) / 100 * PLOT,
            PLOT - ON.percent(share) / 100 * PLOT,
            round(1.5 + 5 * math.sqrt(count / most), 2),
            f"{count} predictions of {p:.2f}: {share:.2f}",
        )
        for p, share, count in panel.points
    )
    path = "M" + "L".join(f"{dot.x:.1f} {dot.y:.1f}" for dot in dots) if len(dots) > 1 else ""
    caption = f"AUC {number(panel.auc)}, error {number(panel.error)}"
    return Drawn(GAP + 24 + column * PANEL, GAP + 22 + row * (PANEL + GAP), panel.title, caption, path, dots)
