"""The family tree of a run's instructions, laid out on a time line: one line of life per instruction.

Across: rounds, from birth to being dropped. Down: lanes, each used again once its instruction is gone, so that a run of
a hundred instructions stays as tall as its pool. The ancestors of the result keep the first lanes free of others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from limner.results import Candidate, EvolveResult
from limner.tracing.report.figures import number, span
from limner.tracing.report.words import Piece, diff
from limner.types import Instruction

LANE = 34
LEFT, TOP, RIGHT = 16, 34, 64
FULL = 1064
"""The width that a run of up to seventeen rounds is fitted to; longer ones scroll."""
LABEL = 46
"""Width of a node with its figure: what must fit before a lane is used again."""


@dataclass(frozen=True, slots=True)
class Member:
    """One instruction with its place in the tree and what is said of it."""

    number: int
    instruction: Instruction
    parent: int | None
    changes: list[Piece]
    chosen: bool
    result: bool
    pulls: int
    reward: str
    reward_bounds: str
    validation: str
    fate: str
    x: float
    end: float
    y: float
    alive: bool


class Edge(NamedTuple):
    """A curve from parent to child."""

    path: str
    chosen: bool


class Tick(NamedTuple):
    """A round on the axis."""

    x: float
    label: str


@dataclass(frozen=True, slots=True)
class Family:
    """The tree, with its size in pixels."""

    members: tuple[Member, ...]
    edges: tuple[Edge, ...]
    ticks: tuple[Tick, ...]
    width: float
    height: float

    @property
    def line(self) -> tuple[Member, ...]:
        """The ancestors of the result, from the start to itself."""
        return tuple(member for member in self.members if member.chosen)


def family(result: EvolveResult) -> Family:
    """Lay out all candidates of a run."""
    last = max([row.number for row in result.rounds] + [one.instruction.round for one in result.candidates], default=0)
    step = min(130.0, max(58.0, (FULL - LEFT - RIGHT) / max(last, 1)))
    numbers = {one.instruction.id: place for place, one in enumerate(result.candidates)}
    lanes = _lanes(result, last, LABEL / step)
    texts = {one.instruction.id: one.instruction.text for one in result.candidates}
    chosen = {one.id for one in result.lineage}
    members = []
    for place, one in enumerate(result.candidates):
        instruction = one.instruction
        end = last if one.dropped_in is None else max(one.dropped_in, instruction.round)
        members.append(
            Member(
                number=place,
                instruction=instruction,
                parent=numbers.get(instruction.parent or ""),
                changes=diff(texts.get(instruction.parent or "", instruction.text), instruction.text),
                chosen=instruction.id in chosen,
                result=instruction.id == result.instruction.id,
                pulls=one.pulls,
                reward=number(one.reward.mean if one.reward else None),
                reward_bounds=span(one.reward) if one.reward else "never scored",
                validation=number(one.validation.mean if one.validation else None),
                fate=_fate(one),
                x=LEFT + instruction.round * step,
                end=LEFT + end * step,
                y=TOP + lanes[instruction.id] * LANE,
                alive=one.dropped_in is None,
            )
        )
    height = TOP + (max(lanes.values(), default=0) + 1) * LANE
    ticks = tuple(Tick(LEFT + at * step, "start" if at == 0 else str(at)) for at in range(last + 1))
    return Family(tuple(members), _edges(members), ticks, LEFT + last * step + RIGHT, height)


def _lanes(result: EvolveResult, last: int, label: float) -> dict[str, int]:
    """A lane for each instruction: the first that is free for its whole life, the chosen line first of all."""
    chosen = {one.id for one in result.lineage}
    order = sorted(result.candidates, key=lambda one: (one.instruction.id not in chosen, one.instruction.round))
    taken: list[list[tuple[float, float]]] = []
    lanes: dict[str, int] = {}
    for one in order:
        start = float(one.instruction.round)
        end = max(float(last if one.dropped_in is None else one.dropped_in), start + label)
        lane = next((n for n, lives in enumerate(taken) if _free(lives, start, end)), len(taken))
        if lane == len(taken):
            taken.append([])
        taken[lane].append((start, end))
        lanes[one.instruction.id] = lane
    return lanes


def _free(lives: list[tuple[float, float]], start: float, end: float) -> bool:
    return all(end < other_start - 0.2 or start > other_end + 0.2 for other_start, other_end in lives)


def _edges(members: list[Member]) -> tuple[Edge, ...]:
    edges = []
    for child in members:
        if child.parent is None:
            continue
        parent = members[child.parent]
        start = min(parent.end, child.x) if parent.end >= parent.x else parent.x
        start = max(parent.x, min(start, child.x - 24))
        bend = (start + child.x) / 2
        path = f"M{start:g} {parent.y:g}C{bend:g} {parent.y:g} {bend:g} {child.y:g} {child.x:g} {child.y:g}"
        edges.append(Edge(path, child.chosen and parent.chosen))
    return tuple(sorted(edges, key=lambda edge: edge.chosen))


def _fate(one: Candidate) -> str:
    if one.dropped_in is not None:
        return f"dropped in round {one.dropped_in}"
    return "in the pool to the end" if one.pulls else "born last, never drawn"
