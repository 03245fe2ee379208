"""Where searches are compared: a generator, the one scorer that all of them see, and what an instruction is worth.

Two worlds have the same shape: the surrogate, which draws nothing and knows the truth, and the painter itself, whose
pictures are scored by taste and eye and judged by the oracle.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial

from limner.agents import DirectiveWriter
from limner.bench.acceptance import truth
from limner.bench.surrogate import Surrogate, Units
from limner.bench.surrogate_pictures import Judges, eyes_of, value_of
from limner.bench.truth import held_out_cases, professional_writer
from limner.graph.deps import Professional, QuerySets, derive
from limner.graph.wiring import embedded_queries
from limner.ledger import Ledger, recorded
from limner.protocols import Generator, Scorer
from limner.testing import HashGenerator, ScorerFromFunction
from limner.types import Failure, Instruction, Picture, Prompt, Query, Recipe, Score, Terms

HELD_OUT = 100
"""Held-out requests on which an instruction is judged."""

BLOCK = 20
"""Of these so many are drawn at once, and then more only if the instruction may still be worth what is looked for."""
HOPELESS = 3.3
"""Standard deviations below that: less than one in a thousand."""

Ask = tuple[Query, Prompt, int]
"""A request, a prompt for it and a picture seed."""
Rewards = Callable[[Sequence[Ask]], list[float | None]]
Worth = Callable[[str, float], float]
"""The share of held-out pictures, all-correct and well drawn, that an instruction gets; far below the share that is
looked for it may be less exact.
"""


@dataclass(frozen=True)
class World:
    """What every tool meets.

    `scorer` gives one number a picture, half taste and half eye, each in its spread; `rewards` are the same for prompts
    and picture seeds, None where there is no picture or no judgement.
    """

    name: str
    generator: Generator
    scorer: Scorer
    rewards: Rewards
    queries: QuerySets
    professional: Professional
    worth: Worth
    _known: dict[str, float] = field(default_factory=dict)

    def worth_of(self, text: str, target: float = 0.0) -> float:
        """What an instruction is worth, looked up once; less exact where it is far below `target`."""
        if text not in self._known:
            self._known[text] = self.worth(text, target)
        return self._known[text]


def surrogate_world(fitted: Surrogate) -> World:
    """The world as fitted: worth is an expectation, without noise."""
    sets = embedded_queries()
    some = held_out(sets)

    def worth(text: str, target: float) -> float:
        return sum(fitted.expected(query, written(text, query)) for query in some) / len(some)

    def rewards(asks: Sequence[Ask]) -> list[float | None]:
        return [fitted.reward(*ask) for ask in asks]

    def score(query: Query, picture: Picture) -> float:
        return fitted.reward(query, picture.recipe.prompt, picture.recipe.seed)

    return World(
        "surrogate",
        HashGenerator("surrogate", size=(4, 4)),
        ScorerFromFunction(score, "surrogate"),
        rewards,
        sets,
        professional_writer(),
        worth,
    )


class TasteAndEye:
    """A scorer that gives half taste and half eye, each in its spread; None where one of them could not be read."""

    def __init__(self, judges: Judges, units: Units) -> None:
        """Judge as these do, in these units."""
        self.identity = "taste and eye"
        self.terms = Terms()
        self._judges = judges
        self._units = units

    def score(self, pairs: Sequence[tuple[Query, Picture]]) -> list[Score | Failure]:
        """Judge each pair."""
        tastes, eyes = map(value_of, self._judges.taste.score(pairs)), eyes_of(self._judges.vision, pairs)
        return [Score(self.identity, self._together(taste, eye)) for taste, eye in zip(tastes, eyes, strict=True)]

    def _together(self, taste: float | None, eye: float | None) -> float | None:
        return None if taste is None or eye is None else self._units.reward(taste, eye)


def painter_world(ledger: Ledger, units: Units) -> World:
    """The painter itself: worth is counted by the oracle on pictures that belong to no search."""
    judges, sets, cases = Judges.embedded(), embedded_queries(), held_out_cases()
    painter, scorer = recorded(judges.painter, ledger), TasteAndEye(judges, units)
    some = held_out(sets)

    def good(text: str, queries: Sequence[Query]) -> list[bool]:
        recipes = [Recipe(written(text, query), derive(0, "worth", query.id)) for query in queries]
        drawn = zip(painter.generate(recipes), queries, strict=True)
        return [isinstance(picture, Picture) and truth(picture, cases[query.id]).both for picture, query in drawn]

    def rewards(asks: Sequence[Ask]) -> list[float | None]:
        drawn = painter.generate([Recipe(prompt, seed) for _, prompt, seed in asks])
        pairs = [(ask[0], picture) for ask, picture in zip(asks, drawn, strict=True) if isinstance(picture, Picture)]
        scores = iter(scorer.score(pairs))
        return [value_of(next(scores)) if isinstance(picture, Picture) else None for picture in drawn]

    worth = partial(share_of, good, some)
    return World("painter", judges.painter, scorer, rewards, sets, professional_writer(), worth)


def share_of(
    good: Callable[[str, Sequence[Query]], Sequence[bool]], queries: Sequence[Query], text: str, target: float
) -> float:
    """The share of requests whose picture is good, of all of them or of as many as show that `target` is out of reach.

    Args:
        good: whether an instruction's picture for each request is good.
        queries: the requests.
        text: the instruction.
        target: the share that is looked for.
    """
    seen: list[bool] = []
    for start in range(0, len(queries), BLOCK):
        seen += good(text, queries[start : start + BLOCK])
        error = math.sqrt(target * (1 - target) / len(seen)) if target < 1 else 0.0
        if sum(seen) / len(seen) + HOPELESS * error < target:
            break
    return sum(seen) / len(seen)


def held_out(sets: QuerySets) -> tuple[Query, ...]:
    """The requests on which instructions are judged."""
    return tuple(random.Random(0).sample(sets.held_out, min(HELD_OUT, len(sets.held_out))))


@lru_cache(maxsize=200_000)
def written(text: str, query: Query) -> Prompt:
    """The prompt that an instruction writes."""
    writing = DirectiveWriter().write(Instruction(text), query)
    try:
        writing.send(None)  # it waits for nothing, and an event loop for each prompt would take most of the time
    except StopIteration as done:
        prompt: Prompt = done.value
        return prompt
    raise RuntimeError("the directive writer waits for something; await it")
