"""Where searches are compared: a generator, the one scorer that all of them see, and what an instruction is worth.

Two worlds have the same shape: the surrogate, which draws nothing and knows the truth, and the painter itself, whose
pictures are scored by taste and eye and judged by the oracle.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

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
from limner.types import Instruction, Picture, Prompt, Query, Recipe

HELD_OUT = 100
"""Held-out requests on which an instruction is judged."""

Reward = Callable[[Query, Prompt, int], float | None]
Worth = Callable[[str], float]
"""The share of held-out pictures, all-correct and well drawn, that an instruction gets."""


@dataclass(frozen=True)
class World:
    """What every tool meets.

    `scorer` gives one number a picture, half taste and half eye, each in its spread; `reward` is the same for a prompt
    and a picture seed, None where there is no picture or no judgement.
    """

    name: str
    generator: Generator
    scorer: Scorer
    reward: Reward
    queries: QuerySets
    professional: Professional
    worth: Worth
    _known: dict[str, float] = field(default_factory=dict)

    def worth_of(self, text: str) -> float:
        """What an instruction is worth, looked up once."""
        if text not in self._known:
            self._known[text] = self.worth(text)
        return self._known[text]


def surrogate_world(fitted: Surrogate) -> World:
    """The world as fitted: worth is an expectation, without noise."""
    sets = embedded_queries()
    some = held_out(sets)

    def worth(text: str) -> float:
        return sum(fitted.expected(query, written(text, query)) for query in some) / len(some)

    def score(query: Query, picture: Picture) -> float:
        return fitted.reward(query, picture.recipe.prompt, picture.recipe.seed)

    return World(
        "surrogate",
        HashGenerator("surrogate", size=(4, 4)),
        ScorerFromFunction(score, "surrogate"),
        fitted.reward,
        sets,
        professional_writer(),
        worth,
    )


def painter_world(ledger: Ledger, units: Units) -> World:
    """The painter itself: worth is counted by the oracle on pictures that belong to no search."""
    judges, sets, cases = Judges.embedded(), embedded_queries(), held_out_cases()
    painter = recorded(judges.painter, ledger)
    some = held_out(sets)

    def worth(text: str) -> float:
        recipes = [Recipe(written(text, query), derive(0, "worth", query.id)) for query in some]
        drawn = zip(painter.generate(recipes), some, strict=True)
        good = [isinstance(picture, Picture) and truth(picture, cases[query.id]).both for picture, query in drawn]
        return sum(good) / len(good)

    def score(query: Query, picture: Picture) -> float | None:
        pair = [(query, picture)]
        taste, eye = value_of(judges.taste.score(pair)[0]), eyes_of(judges.vision, pair)[0]
        return None if taste is None or eye is None else units.reward(taste, eye)

    def reward(query: Query, prompt: Prompt, seed: int) -> float | None:
        picture = painter.generate([Recipe(prompt, seed)])[0]
        return score(query, picture) if isinstance(picture, Picture) else None

    scorer = ScorerFromFunction(score, "taste and eye")
    return World("painter", judges.painter, scorer, reward, sets, professional_writer(), worth)


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
