"""Writes the report of a run: one HTML file without any reference to the outside, everything in it escaped.

The data are computed here and in the modules beside it, the template only lays them out; a content security policy in
the page holds it to what it carries.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from limner.errors import StorageError
from limner.results import ACCEPTING, JUDGES, Column, EvolveResult
from limner.tracing.report import charts, figures
from limner.tracing.report.family import family
from limner.tracing.report.figures import Bar, bar, bounds, scale
from limner.tracing.report.gallery import gallery, pairs
from limner.tracing.report.verdict import stopped, verdict
from limner.tracing.report.words import diff
from limner.types import Interval, Picture, Spend

if TYPE_CHECKING:
    from jinja2 import Environment

PICTURE_BUDGET = 3_000_000
"""Bytes of embedded pictures in one report."""

NAMES = {"plain": "the request itself", "start": "start", "professional": "professional", "evolved": "evolved"}


class Row(NamedTuple):
    """One row of the final table."""

    column: Column
    name: str
    bars: tuple[Bar | None, ...]


class Difference(NamedTuple):
    """One paired difference, laid on a scale on which `zero` stands at that per cent."""

    against: str
    bar: Bar | None
    zero: float
    certain: bool


def write_report(result: EvolveResult, picture: Callable[[str], Picture], *, budget: int = PICTURE_BUDGET) -> Path:
    """Write `report.html` into the run's folder.

    Args:
        result: what the run found.
        picture: gives the stored picture of a hash (`Ledger.picture`); one that cannot be read is counted and said.
        budget: bytes of embedded pictures; those that do not fit are counted and said.

    Raises:
        StorageError: the file cannot be written.
    """
    shown = gallery(result, picture, budget)
    members = family(result)
    html = (
        environment()
        .get_template("report.html.j2")
        .render(
            result=result,
            verdict=verdict(result),
            rows=_rows(result),
            differences=_differences(result.differences),
            accepted=_differences(result.acceptance),
            accepted_questions=_differences(result.acceptance_questions),
            judges=_judges(result),
            changes=diff(result.lineage[0].text, result.instruction.text) if result.lineage else [],
            family=members,
            pulls=charts.pulls(result, members),
            scores=charts.scores(result, members),
            chart=charts,
            gallery=shown,
            pairs=list(pairs(shown, 4)),
            facts=list(_facts(result)),
            roles=sorted(result.spend_by_role.items()),
            stopped=stopped(result.stop_reason),
            budget=budget,
            command=shlex.quote(str(result.folder)),
        )
    )
    _write(result.report, html)
    return result.report


def summary_html(result: EvolveResult) -> str:
    """What a notebook shows of a result: the verdict, the table, the instruction and where the report stands."""
    return (
        environment()
        .get_template("summary.html.j2")
        .render(
            result=result,
            verdict=verdict(result),
            rows=_rows(result),
            judges=_judges(result),
            changes=diff(result.lineage[0].text, result.instruction.text) if result.lineage else [],
            stopped=stopped(result.stop_reason),
        )
    )


@cache
def environment() -> Environment:
    """The templates, compiled once: that takes longer than filling them in."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("limner.tracing.report")
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters.update(count=figures.count, duration=figures.duration, number=figures.number, price=_price)
    return made


def _price(spend: Spend) -> str:
    return figures.money(spend.money_usd, spend.unknown_price)


def _rows(result: EvolveResult) -> list[Row]:
    judges = _judges(result)
    scales = [scale(bounds(getattr(column, judge) for column in result.columns)) for judge in judges]
    return [
        Row(
            column,
            NAMES.get(column.name, column.name),
            tuple(bar(getattr(column, judge), on) for judge, on in zip(judges, scales, strict=True)),
        )
        for column in result.columns
    ]


def _judges(result: EvolveResult) -> list[str]:
    """The judges that the table shows; one that took no part has no column."""
    return [judge for judge in JUDGES if judge not in ACCEPTING or judge in result.models]


def _differences(differences: dict[str, Interval]) -> list[Difference]:
    on = scale([0.0, *bounds(differences.values())])
    return [
        Difference(
            NAMES.get(name.removeprefix("evolved_minus_"), name),
            bar(interval, on, sign=True),
            on.percent(0),
            _clear_of_zero(interval),
        )
        for name, interval in differences.items()
    ]


def _clear_of_zero(interval: Interval) -> bool:
    return interval.low is not None and interval.high is not None and not interval.low <= 0 <= interval.high


def _facts(result: EvolveResult) -> Iterator[tuple[str, str]]:
    """The figures under the headline: label and value."""
    spend = result.spend
    yield "rounds", figures.count(len(result.rounds))
    yield "instructions measured", figures.count(sum(one.pulls > 0 for one in result.candidates))
    yield "pictures drawn", figures.count(spend.pictures)
    yield "model calls", figures.count(spend.model_calls)
    yield "cost", _price(spend)
    yield "time", figures.duration(spend.seconds)


def _write(path: Path, text: str) -> None:
    beside = path.with_suffix(".html.part")
    try:
        beside.write_text(text, encoding="utf-8", errors="backslashreplace")
        os.replace(beside, path)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error}. Free some space or choose another folder.") from error
