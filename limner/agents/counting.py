"""What agents had to put right, counted by name: prompts written again, replies of no use.

A context variable, as for positions in a run, because agents are called through their protocols alone and their tasks
inherit it. Outside of `counted` nothing is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_counts: ContextVar[Counter[str] | None] = ContextVar("limner_agent_counts", default=None)


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count what happens in a `with` block and in the tasks that it starts."""
    counts: Counter[str] = Counter()
    token = _counts.set(counts)
    try:
        yield counts
    finally:
        _counts.reset(token)


def count(name: str, number: int = 1) -> None:
    """Count so many more of these; the name is a plural, as in "prompts written again"."""
    counts = _counts.get()
    if counts is not None:
        counts[name] += number
