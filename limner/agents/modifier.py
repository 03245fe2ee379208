"""The directive modifier: one child per improvement, by adding, dropping or replacing one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from limner.agents.catalogue import CATALOGUE
from limner.agents.sentences import LONGEST, Change, Reading, changed, read, understood
from limner.types import Instruction


@dataclass(frozen=True, slots=True)
class DirectiveModifier:
    """Edits instructions sentence by sentence; what an instruction does, not how it is said, makes it distinct."""

    name: str = "directives"

    async def modify(
        self, instruction: Instruction, improvement: str, avoid: Sequence[Instruction] = (), seed: int = 0
    ) -> Instruction | None:
        """Make the child; None if the improvement holds no sentence of the catalogue or its child is not new.

        The improvement decides everything, so `seed` has no part here.
        """
        change = understood(improvement)
        if change is None:
            return None
        child = changed(read(instruction.text), change)
        taken = _done(instruction, *avoid)
        return _born(child, instruction, improvement) if _is_new(child, taken) else None

    async def vary(
        self, instruction: Instruction, count: int = 3, avoid: Sequence[Instruction] = (), seed: int = 0
    ) -> list[Instruction]:
        """Write up to `count` variants with one sentence more; in a full instruction, with one exchanged."""
        reading = read(instruction.text)
        taken = _done(instruction, *avoid)
        children: list[Instruction] = []
        for change in _specific(reading, Random(seed)):
            if len(children) == count:
                break
            child = changed(reading, change)
            if _is_new(child, taken):
                taken.add((child.ids, child.unknown))
                children.append(_born(child, instruction, str(change)))
        return children


def _specific(reading: Reading, rng: Random) -> list[Change]:
    """Changes that say more, in random order: first those that take nothing away."""
    absent = [directive for directive in CATALOGUE if directive.id not in reading.ids]
    rng.shuffle(absent)
    by_slot = {directive.slot: directive for directive in reading.known}
    full = len(reading.known) >= LONGEST
    changes = []
    for directive in absent:
        drop = by_slot.get(directive.slot) or (rng.choice(reading.known) if full else None)
        changes.append(Change(add=directive, drop=drop))
    return sorted(changes, key=lambda change: change.drop is not None)


def _done(*instructions: Instruction) -> set[tuple[frozenset[str], tuple[str, ...]]]:
    readings = (read(instruction.text) for instruction in instructions)
    return {(reading.ids, reading.unknown) for reading in readings}


def _is_new(child: Reading, taken: set[tuple[frozenset[str], tuple[str, ...]]]) -> bool:
    return bool(child.known) and (child.ids, child.unknown) not in taken


def _born(child: Reading, parent: Instruction, reason: str) -> Instruction:
    return Instruction(child.text, parent=parent.id, round=parent.round + 1, reason=reason)
