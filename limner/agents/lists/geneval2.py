"""GenEval 2 (arXiv 2512.16853): `geneval2_data.jsonl`, questions with their right answers, one skill each.

A row has `prompt`, `vqa_list` (pairs of question and answer) and `skills`. "How many ...?" with its number becomes a
yes/no question; a question about an object needs the one that asks whether it is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from limner.agents.lists.entries import (
    LONGEST_QUESTION,
    BadRow,
    Entry,
    Row,
    clean,
    json_lines,
    list_of,
    mentions,
    object_of,
    once,
    text_of,
)
from limner.types import Question, QuestionKind

KINDS: dict[str, QuestionKind] = {
    "object": "exists",
    "attribute": "attribute",
    "count": "count",
    "position": "relation",
    "verb": "relation",
}
_HOW_MANY = re.compile(r"how many (?P<things>.+?) are (?:there )?(?P<where>in the (?:image|picture))\?", re.IGNORECASE)
_THERE = re.compile(r"(?:are|is) there (?:any |an? |some )?(?P<things>.+?) in the (?:image|picture)\?", re.IGNORECASE)


def rows(path: Path) -> Iterator[Row]:
    """One object a line."""
    return json_lines(path)


def entry(value: Any) -> Entry:
    """A row as a request with its questions."""
    row = object_of(value)
    pairs, skills = list_of(row, "vqa_list"), list_of(row, "skills")
    if not pairs or len(pairs) != len(skills):
        raise BadRow(f"'vqa_list' has {len(pairs)} questions and 'skills' {len(skills)} entries; one skill for each")
    asked = [(_yes_no(pair), KINDS.get(str(skill), "other")) for pair, skill in zip(pairs, skills, strict=True)]
    things = {text: found["things"] for text, kind in asked if kind == "exists" and (found := _THERE.fullmatch(text))}
    questions = [
        Question(text, kind, () if text in things else tuple(q for q, noun in things.items() if mentions(text, noun)))
        for text, kind in asked
    ]
    return Entry(text_of(row, "prompt"), once(questions), f"atoms {row['atom_count']}" if "atom_count" in row else "")


def _yes_no(pair: Any) -> str:
    """A question whose right answer is yes."""
    match pair:
        case [str(question), str(answer)]:
            text, right = clean(question, "question", LONGEST_QUESTION), clean(answer, "answer", 60).lower()
        case _:
            raise BadRow(f"'vqa_list' must hold pairs of question and answer, got {pair!r:.60}")
    if right == "yes":
        return text
    many = _HOW_MANY.fullmatch(text)
    if many is None:
        raise BadRow(f"the right answer {answer!r} to {text!r} is neither yes nor a number of things")
    if right in ("one", "1"):
        return f"Is the number of {many['things']} {many['where']} exactly one?"
    return f"Are there exactly {right} {many['things']} {many['where']}?"
