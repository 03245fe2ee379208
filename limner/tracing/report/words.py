"""What changed between two texts, word by word: a visible answer to "what did it do to my words?"."""

from __future__ import annotations

import difflib
import re
from typing import Literal, NamedTuple

_TOKENS = re.compile(r"\s*(?:\w+(?:['’-]\w+)*|[^\w\s])|\s+$")
"""A word or a mark with the space before it, so that words compare equal however they are spaced."""


class Piece(NamedTuple):
    """A stretch of text that stayed, came or went."""

    kind: Literal["same", "added", "removed"]
    text: str


class _Change(NamedTuple):
    same: bool
    start: int
    end: int
    new_start: int
    new_end: int


def diff(old: str, new: str) -> list[Piece]:
    """The pieces that turn `old` into `new`: those not removed spell `new`, those not added have the words of `old`."""
    before, after = _TOKENS.findall(old), _TOKENS.findall(new)
    pieces: list[Piece] = []
    for change in _changes([token.strip() for token in before], [token.strip() for token in after]):
        gone = "".join(before[change.start : change.end])
        now = "".join(after[change.new_start : change.new_end])
        if change.same:
            pieces.append(Piece("same", now))
            continue
        if gone:
            pieces.append(Piece("removed", gone))
        if now:
            words = now.lstrip()
            pieces += [Piece("same", now[: len(now) - len(words)]), Piece("added", words)]
    return [piece for piece in pieces if piece.text]


def _changes(before: list[str], after: list[str]) -> list[_Change]:
    """Alternating stretches; a mark that stayed between two changed words belongs to the change."""
    codes = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    merged: list[_Change] = []
    for place, (kind, start, end, new_start, new_end) in enumerate(codes):
        island = 0 < place < len(codes) - 1 and not re.search(r"\w", "".join(before[start:end]))
        same = kind == "equal" and not island
        if merged and not same and not merged[-1].same:
            merged[-1] = merged[-1]._replace(end=end, new_end=new_end)
        else:
            merged.append(_Change(same, start, end, new_start, new_end))
    return merged
