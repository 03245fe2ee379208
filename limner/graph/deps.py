"""What an evolve graph works with: models behind the ledger, agents, queries, database; given once, explicitly."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from limner.agents import Agents
from limner.bandits import Bandit, bandit
from limner.graph.ahead import Ahead
from limner.ledger import Ledger
from limner.protocols import Generator, Scorer, VisionModel
from limner.settings import DrawingSettings, EvolveSettings
from limner.tracing.spans import Spans
from limner.types import Instruction, Prompt, Query, Question

Professional = Callable[[Query, int], Sequence[Prompt]]
"""Up to so many professional prompts for a query."""


@dataclass(frozen=True, slots=True)
class QuerySets:
    """The queries of a run, disjoint unless there are too few of them to divide.

    `asked` has the questions of those that came with some, by the query's id; the questioner asks about the others.
    """

    search: tuple[Query, ...]
    validation: tuple[Query, ...]
    held_out: tuple[Query, ...]
    asked: Mapping[str, tuple[Question, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class EvolveDeps:
    """Everything that the nodes of evolve call. The models are already recorded by `ledger`."""

    generator: Generator
    taste: Scorer | None
    vision: VisionModel | None
    acceptance: Scorer | None
    agents: Agents
    professional: Professional
    queries: QuerySets
    ledger: Ledger
    settings: EvolveSettings
    drawing: DrawingSettings
    start: Instruction
    spans: Spans
    acceptance_vision: VisionModel | None = None
    ahead: Ahead = field(default_factory=Ahead)

    @cached_property
    def by_id(self) -> dict[str, Query]:
        """Every query of the run by its id."""
        return {query.id: query for group in (self.queries.search, *self._final) for query in group}

    @property
    def _final(self) -> tuple[tuple[Query, ...], tuple[Query, ...]]:
        return self.queries.validation, self.queries.held_out

    def bandit(self, state: dict[str, object] | None = None) -> Bandit:
        """The run's bandit, fresh or as it was when `state` was saved."""
        policy = bandit(self.settings.bandit, seed=derive(self.settings.seed, "bandit"))
        if state:
            policy.restore(state)
        return policy


def derive(seed: int, *position: object) -> int:
    """A seed of 31 bits for one logical position of a run: equal positions get equal seeds, others unrelated ones."""
    text = "/".join([str(seed), *(str(part) for part in position)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) >> 1
