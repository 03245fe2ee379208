"""What changed between two texts, word by word: a visible answer to "what did it do to my words?"."""

from __future__ import annotations

import difflib
import re
from typing import Literal, NamedTuple

_TOKENS = re.compile(r"\s+|\w+(?:['’-]\w+)*|[^\w\s]")


class Piece(NamedTuple):
    """A stretch of text that stayed, came or went."""

    kind: Literal["same", "added", "removed"]
    text: str


def diff(old: str, new: str) -> list[Piece]:
    """The pieces that turn `old` into `new`.

    Those not removed spell `new`, those not added spell `old`.
    """
    before, after = _TOKENS.findall(old), _TOKENS.findall(new)
    pieces: list[Piece] = []
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for change, start, end, new_start, new_end in _without_islands(matcher, before):
        if change == "equal":
            pieces.append(Piece("same", "".join(before[start:end])))
            continue
        if end > start:
            pieces.append(Piece("removed", "".join(before[start:end])))
        if new_end > new_start:
            pieces.append(Piece("added", "".join(after[new_start:new_end])))
    return pieces


def _without_islands(matcher: difflib.SequenceMatcher[str], before: list[str]) -> list[tuple[str, int, int, int, int]]:
    """The matcher's changes; a lone space that stayed between two changed words belongs to the change."""
    merged: list[tuple[str, int, int, int, int]] = []
    codes = matcher.get_opcodes()
    for place, (change, start, end, new_start, new_end) in enumerate(codes):
        inside = 0 < place < len(codes) - 1
        changed = change != "equal" or (inside and not "".join(before[start:end]).strip())
        if changed and merged and merged[-1][0] == "replace":
            _, first, _, new_first, _ = merged[-1]
            merged[-1] = ("replace", first, end, new_first, new_end)
        else:
            merged.append(("replace" if changed else "equal", start, end, new_start, new_end))
    return merged
