"""Reads instructions as sentences of the catalogue, and writes them: the text that people see is all there is.

A sentence that the catalogue does not have is kept word for word, counted and not obeyed. Improvements are sentences
too: "Add: ...", "Drop: ...", "Replace: ... by ...".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from limner.agents.catalogue import CATALOGUE, Directive

LONGEST = 6
"""An instruction has at most this many sentences of the catalogue."""


@dataclass(frozen=True, slots=True)
class Reading:
    """An instruction taken apart: directives in the catalogue's order, and sentences that are not in it."""

    known: tuple[Directive, ...]
    unknown: tuple[str, ...] = ()

    @property
    def ids(self) -> frozenset[str]:
        """The directives' ids: what the instruction does, however it is said."""
        return frozenset(directive.id for directive in self.known)

    @property
    def text(self) -> str:
        """The instruction as text, with unknown sentences first."""
        return " ".join((*self.unknown, *(directive.sentence for directive in self.known)))


@dataclass(frozen=True, slots=True)
class Change:
    """One step from an instruction to a child: a directive to add, one to drop, or both."""

    add: Directive | None = None
    drop: Directive | None = None

    def __str__(self) -> str:
        """The change as an improvement in words."""
        if self.add and self.drop:
            return f"Replace: {self.drop.sentence} by {self.add.sentence}"
        return f"Add: {self.add.sentence}" if self.add else f"Drop: {self.drop.sentence if self.drop else ''}"


@lru_cache(maxsize=4096)
def read(text: str) -> Reading:
    """Take an instruction apart; the latest few thousand are remembered.

    Case, spaces and a missing full stop do not matter; repeated sentences count once.
    """
    said = [sentence for sentence in re.split(r"(?<=[.!?])\s+|\n+", text.strip()) if sentence.strip()]
    found = {_BY_SENTENCE[_key(sentence)].id for sentence in said if _key(sentence) in _BY_SENTENCE}
    unknown = tuple(sentence.strip() for sentence in said if _key(sentence) not in _BY_SENTENCE)
    return Reading(tuple(directive for directive in CATALOGUE if directive.id in found), unknown)


def understood(improvement: str) -> Change | None:
    """Read an improvement. One that only holds a sentence of the catalogue means to add it; None if none is found."""
    text = improvement.strip()
    kind, _, rest = text.partition(":")
    known = _mentioned(rest if kind.lower() in ("add", "drop", "replace") else text)
    if not known:
        return None
    if kind.lower() == "replace" and len(known) > 1:
        return Change(drop=known[0], add=known[1])
    return Change(drop=known[0]) if kind.lower() == "drop" else Change(add=known[-1])


def changed(reading: Reading, change: Change) -> Reading:
    """The reading after a change; what is added displaces its slot, and the first sentence when there are too many."""
    known: Iterable[Directive] = reading.known
    if change.drop is not None:
        dropped = change.drop.id
        known = [directive for directive in known if directive.id != dropped]
    if change.add is not None:
        added = change.add
        known = [directive for directive in known if directive.slot != added.slot]
        known = [*known[max(0, len(known) - LONGEST + 1) :], added]
    ids = {directive.id for directive in known}
    return Reading(tuple(directive for directive in CATALOGUE if directive.id in ids), reading.unknown)


def _key(sentence: str) -> str:
    return " ".join(sentence.lower().split()).rstrip(".!")


def _mentioned(text: str) -> list[Directive]:
    """The directives whose sentences stand in a text, in order of appearance."""
    low = " ".join(text.lower().split())
    found = [(low.find(_key(directive.sentence)), directive) for directive in CATALOGUE]
    return [directive for at, directive in sorted(found, key=lambda item: item[0]) if at >= 0]


_BY_SENTENCE = {_key(directive.sentence): directive for directive in CATALOGUE}
