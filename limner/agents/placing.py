"""Invents places in the frame for things that have none: no place twice, and true to the places and relations asked.

Balanced layouts are tried first, in the order of the table below, then any free places; the same request always gets
the same places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from limner.agents.nouns import Relation, Thing
from limner.agents.units import RelationName
from limner.agents.words import PLACES

_BALANCED: dict[int, tuple[tuple[str, ...], ...]] = {
    1: (("center",),),
    2: (("left", "right"), ("top", "bottom"), ("top left", "bottom right"), ("bottom left", "top right")),
    3: (
        ("top", "bottom left", "bottom right"),
        ("top left", "top right", "bottom"),
        ("left", "center", "right"),
        ("top", "center", "bottom"),
        ("top left", "center", "bottom right"),
        ("bottom left", "center", "top right"),
    ),
    4: (("top left", "top right", "bottom left", "bottom right"), ("top", "left", "right", "bottom")),
    5: (
        ("top left", "top right", "center", "bottom left", "bottom right"),
        ("top", "left", "center", "right", "bottom"),
    ),
    6: (("top left", "top", "top right", "bottom left", "bottom", "bottom right"),),
}
_TRIES = 400
"""How many places are tried before a layout is given up: what can be had is found much sooner."""
_SETTLED = ("left of", "right of", "above", "below")
"""Relations that places say by themselves."""


def placed(things: Sequence[Thing], relations: Sequence[Relation]) -> tuple[Thing, ...] | None:
    """Give each thing its places (one for each of a counted thing); None if they cannot all be had.

    What stands on, in or behind something else takes its place from that, and is not placed itself.
    """
    seats = _seats(things, relations)
    asked = {place for thing in things for place in thing.places}
    if len(seats) + len(asked) > len(PLACES):
        return None
    total = len(seats) + len(asked)
    fitting = (layout for layout in _BALANCED.get(total, ()) if asked <= set(layout))
    for layout in (*fitting, PLACES):
        free = [place for place in layout if place not in asked]
        found = _seating(seats, free, things, relations)
        if found is not None:
            return tuple(_seated(thing, [p for i, p in found if i == at]) for at, thing in enumerate(things))
    return None


def settles(relation: Relation, things: Sequence[Thing]) -> bool:
    """Whether places already say a relation, so that its words can go."""
    first, second = things[relation.first].places, things[relation.second].places
    said = bool(first) and bool(second) and relation.name in _SETTLED
    return said and all(stands(a, relation.name, b) for a in first for b in second)


def stands(first: str, name: RelationName, second: str) -> bool:
    """Whether what is at one place stands so to what is at another."""
    (row, column), (other_row, other_column) = _cell(first), _cell(second)
    if name == "left of":
        return column < other_column
    if name == "right of":
        return column > other_column
    if name == "above":
        return row < other_row
    if name == "below":
        return row > other_row
    return name == "other" or row == other_row


def _cell(place: str) -> tuple[int, int]:
    return divmod(PLACES.index(place), 3)


def _seats(things: Sequence[Thing], relations: Sequence[Relation]) -> list[int]:
    """The index of a thing for each place that it still needs."""
    held = {relation.first for relation in relations if relation.name == "other"}
    return [
        at for at, thing in enumerate(things) if not thing.places and at not in held for _ in range(thing.count or 1)
    ]


def _seating(
    seats: list[int], free: list[str], things: Sequence[Thing], relations: Sequence[Relation]
) -> list[tuple[int, str]] | None:
    """The first way to seat the things that keeps the relations, depth first; None if none is found within `_TRIES`."""
    tries = iter(range(_TRIES))
    held: list[list[str]] = [list(thing.places) for thing in things]

    def fits(at: int, place: str) -> bool:
        held[at].append(place)
        fine = all(
            stands(a, relation.name, b)
            for relation in relations
            if at in (relation.first, relation.second)
            for a in held[relation.first]
            for b in held[relation.second]
        )
        held[at].pop()
        return fine

    def seat(number: int, taken: tuple[int, ...]) -> tuple[int, ...] | None:
        if number == len(seats):
            return taken
        at = seats[number]
        # The places of one counted thing are taken in order: which of two dogs sits where is all the same.
        first = taken[-1] + 1 if number and seats[number - 1] == at else 0
        for choice in range(first, len(free)):
            if next(tries, None) is None:
                return None
            if choice not in taken and fits(at, free[choice]):
                held[at].append(free[choice])
                found = seat(number + 1, (*taken, choice))
                held[at].pop()
                if found is not None:
                    return found
        return None

    found = seat(0, ())
    return None if found is None else [(at, free[choice]) for at, choice in zip(seats, found, strict=True)]


def _seated(thing: Thing, places: list[str]) -> Thing:
    if not places:
        return thing
    return replace(thing, places=tuple(places), where=" and ".join(f"at the {place}" for place in places))
