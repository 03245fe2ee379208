"""The two charts of the search, as geometry that the template draws: pulls per round, and score against pictures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from limner.results import EvolveResult, Round
from limner.tracing.report.family import Family, Member
from limner.tracing.report.figures import Scale, number, scale

WIDTH, HEIGHT = 520, 250
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 14, 34
LABEL = 22
"""Room that the number of a round takes."""
MEANS_MARGIN = 0.2
"""Room for intervals above and below the means, as a share of the range of these."""


class Segment(NamedTuple):
    """What one instruction was pulled in one round; `shade` tells neighbours apart."""

    member: Member
    pulls: int
    y: float
    height: float
    shade: int


class Stack(NamedTuple):
    """One round's bar; where bars stand close, not every one is `named` below."""

    label: str
    x: float
    width: float
    segments: tuple[Segment, ...]
    named: bool


class Tick(NamedTuple):
    """A labelled place on an axis."""

    at: float
    label: str


class Point(NamedTuple):
    """An instruction's mean score with its interval, at the pictures drawn when it was born."""

    member: Member
    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Pulls:
    """Stacked bars: how the pictures of each round were shared out."""

    stacks: tuple[Stack, ...]
    ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores against pictures; `path` joins the ancestors of the result, `start` is the start instruction's level.

    `bare` counts the points without an interval.
    """

    points: tuple[Point, ...]
    path: str
    start: Point | None
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    bare: int


def pulls(result: EvolveResult, family: Family) -> Pulls:
    """Lay out the pulls of each round, the oldest instruction at the bottom."""
    by_id = {member.instruction.id: member for member in family.members}
    top = max((sum(row.pulls.values()) for row in result.rounds), default=1) or 1
    slot = (WIDTH - LEFT - RIGHT) / max(len(result.rounds), 1)
    width = min(slot * 0.66, 46)
    unit = (HEIGHT - TOP - BOTTOM) / top
    each = next(step for step in _steps() if step * slot >= LABEL)
    stacks = [
        Stack(str(row.number), LEFT + slot * (place + 0.5), width, _segments(row, by_id, unit), row.number % each == 0)
        for place, row in enumerate(result.rounds)
    ]
    return Pulls(tuple(stacks), tuple(Tick(HEIGHT - BOTTOM - value * unit, str(value)) for value in _whole(top)))


def _steps() -> Iterator[int]:
    """1, 2, 5, 10, 20, ...: every how many rounds one is named."""
    return (mantissa * 10**power for power in range(9) for mantissa in (1, 2, 5))


def _segments(row: Round, by_id: dict[str, Member], unit: float) -> tuple[Segment, ...]:
    drawn = sorted((by_id[name].number, count) for name, count in row.pulls.items() if count and name in by_id)
    members = {member.number: member for member in by_id.values()}
    tops = accumulate(count for _, count in drawn)
    return tuple(
        Segment(members[place], count, HEIGHT - BOTTOM - top * unit, count * unit - 1.5, shade % 2)
        for shade, ((place, count), top) in enumerate(zip(drawn, tops, strict=True))
    )


def scores(result: EvolveResult, family: Family) -> Scores:
    """Lay out each scored instruction's mean with its 95 % interval.

    The scale is that of the means: a single pull has an interval so wide that it would flatten all the others, so what
    leaves the frame is cut at its edge.
    """
    drawn = _drawn_by(result.rounds)
    total = max(drawn.values(), default=1) or 1
    scored = [
        (member, candidate.reward, drawn.get(member.instruction.round, 0))
        for member, candidate in zip(family.members, result.candidates, strict=True)
        if candidate.reward is not None
    ]
    on = scale((reward.mean for _, reward, _ in scored), margin=MEANS_MARGIN)
    points = []
    for member, reward, pictures in scored:
        low = reward.mean if reward.low is None else reward.low
        high = reward.mean if reward.high is None else reward.high
        x = LEFT + 14 + pictures / total * (WIDTH - LEFT - RIGHT - 28)
        points.append(Point(member, x, _up(reward.mean, on), _up(max(low, on.low), on), _up(min(high, on.high), on)))
    line = [point for point in points if point.member.chosen]
    return Scores(
        points=tuple(sorted(_spread(points), key=lambda point: point.member.chosen)),
        path="M" + "L".join(f"{point.x:g} {point.y:g}" for point in line) if len(line) > 1 else "",
        start=next((point for point in points if point.member.parent is None), None),
        across=tuple(
            Tick(LEFT + 14 + value / total * (WIDTH - LEFT - RIGHT - 28), str(value)) for value in _whole(total)
        ),
        up=tuple(Tick(_up(value, on), number(value)) for value in _round_values(on)),
        bare=sum(reward.low is None or reward.high is None for _, reward, _ in scored),
    )


def _drawn_by(rounds: Sequence[Round]) -> dict[int, int]:
    """Pictures drawn by the end of each round."""
    totals = accumulate(row.pictures for row in rounds)
    return {0: 0, **{row.number: total for row, total in zip(rounds, totals, strict=True)}}


def _spread(points: Sequence[Point]) -> list[Point]:
    """Move siblings, born at the same moment, a little apart; the chosen line stays in place."""
    moved, crowd = [], dict[float, int]()
    for point in points:
        if point.member.chosen:
            moved.append(point)
            continue
        crowd[point.x] = crowd.get(point.x, 0) + 1
        step = (crowd[point.x] + 1) // 2 * (1 if crowd[point.x] % 2 else -1)
        moved.append(point._replace(x=point.x + step * 6))
    return moved


def _up(value: float, on: Scale) -> float:
    return round(HEIGHT - BOTTOM - on.percent(value) / 100 * (HEIGHT - TOP - BOTTOM), 2)


def _whole(top: int) -> list[int]:
    step = _nice(top / 4, whole=True)
    return list(range(0, top + 1, int(step)))


def _round_values(on: Scale) -> list[float]:
    step = _nice((on.high - on.low) / 4)
    first = -(-on.low // step)
    return [(first + place) * step for place in range(12) if (first + place) * step <= on.high]


def _nice(rough: float, *, whole: bool = False) -> float:
    """The next 1, 2 or 5 times a power of ten."""
    if whole and rough <= 1:
        return 1.0
    power: float = 10.0 ** math.floor(math.log10(rough))
    return next(power * times for times in (1, 2, 5, 10) if power * times >= rough * 0.999)
