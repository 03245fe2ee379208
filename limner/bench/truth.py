"""What only benchmarks and the demo may know of the embedded world: the truth of its queries, and its professionals."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np

from limner.graph.wiring import SEED_PROMPTS
from limner.microworld.cases import SHIPPED, cases
from limner.microworld.grammar import professional
from limner.microworld.law import Case
from limner.prompt_db import PromptDatabase
from limner.types import Prompt, Query


def held_out_cases() -> dict[str, Case]:
    """The truth of every shipped held-out query, by the query's id."""
    return {case.id: case for case in cases("held_out", SHIPPED["held_out"])}


def professional_writer() -> Callable[[Query, int], Sequence[Prompt]]:
    """Professional prompts: those stored for search queries, and for held-out ones what the grammar's writer writes.

    The latter are made for the very query when it is asked, by a seed derived from its id, and never stored.
    """
    database, truth = PromptDatabase.memory([SEED_PROMPTS]), held_out_cases()

    def prompts(query: Query, count: int) -> Sequence[Prompt]:
        if query.id not in truth:
            return database.professional_for(query, count)
        rng = np.random.default_rng(int.from_bytes(hashlib.sha256(query.id.encode()).digest()[:8]))
        return [Prompt(professional(truth[query.id], rng)) for _ in range(count)]

    return prompts
