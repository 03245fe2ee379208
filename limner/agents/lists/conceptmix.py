"""ConceptMix (arXiv 2408.14339): `300_sentences_k=N.json`, a list of sentences with one question for each concept.

An item has `sentence`, `categories`, `skills` and `question` (a list, with empty texts in between). A question about an
object needs the one that asks for it, found by the object's name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from limner.agents.lists.entries import (
    LONGEST_QUESTION,
    BadRow,
    Entry,
    Row,
    clean,
    json_items,
    list_of,
    mentions,
    object_of,
    once,
    text_of,
)
from limner.types import Question, QuestionKind

KINDS: dict[str, QuestionKind] = {
    "object": "exists",
    "color": "attribute",
    "shape": "attribute",
    "texture": "attribute",
    "size": "size",
    "number": "count",
    "spatial": "relation",
}
"""The kind of each category; style is "other", since it is a matter of the whole picture."""


def rows(path: Path) -> Iterator[Row]:
    """One item a sentence."""
    return json_items(path)


def entry(value: Any) -> Entry:
    """An item as a request with its questions."""
    row = object_of(value)
    if "objects" in row and "sentence" not in row:
        raise BadRow("this is a refined_config file; the questions are in 300_sentences_k=N.json")
    texts = [clean(text, "question", LONGEST_QUESTION) for text in _texts(list_of(row, "question")) if text.strip()]
    categories, skills = _texts(list_of(row, "categories")), _texts(list_of(row, "skills"))
    if not texts:
        raise BadRow("'question' holds no question")
    told = len(texts) == len(categories) == len(skills)
    kinds: list[QuestionKind] = [
        KINDS.get(one, "other") if told else "other" for one in (categories if told else texts)
    ]
    names = {texts[at]: skills[at] for at in range(len(texts)) if told and kinds[at] == "exists"}
    questions = [
        Question(text, kind, () if text in names else tuple(q for q, name in names.items() if mentions(text, name)))
        for text, kind in zip(texts, kinds, strict=True)
    ]
    return Entry(text_of(row, "sentence"), once(questions), f"k={len(texts) - 1}")


def _texts(values: Sequence[Any]) -> list[str]:
    for value in values:
        if not isinstance(value, str):
            raise BadRow(f"texts were expected, got {value!r:.60}")
    return list(values)
