"""What evolve is measured against: searches without its agents, and evolve with one part taken out.

All of them run the same graph with the same budget of pictures, the same final choice and the same held-out queries.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from limner.agents import CATALOGUE, Agents, Critique, Directive, Review, agents
from limner.agents.catalogue import BY_ID
from limner.agents.sentences import LONGEST, Reading
from limner.types import Instruction


@dataclass(frozen=True, slots=True)
class NoCritic:
    """A critic that finds nothing, so that the modifier varies the worst instruction as it likes."""

    name: str = "none"

    async def criticise(self, review: Review, limit: int = 3) -> Critique:
        """Propose nothing."""
        return Critique()


@dataclass(frozen=True, slots=True)
class RandomSentences:
    """A modifier that throws one to `LONGEST` sentences of the catalogue together, whatever it is given."""

    name: str = "random sentences"

    async def modify(
        self, instruction: Instruction, improvement: str, avoid: Sequence[Instruction] = (), seed: int = 0
    ) -> Instruction | None:
        """Make nothing: there is no critic to obey."""
        return None

    async def vary(
        self, instruction: Instruction, count: int = 3, avoid: Sequence[Instruction] = (), seed: int = 0
    ) -> list[Instruction]:
        """Throw `count` new instructions."""
        rng, taken = random.Random(seed), {instruction.text, *(one.text for one in avoid)}
        thrown: list[Instruction] = []
        while len(thrown) < count:
            text = thrown_together(rng)
            if text not in taken:
                taken.add(text)
                thrown.append(Instruction(text, instruction.id, instruction.round + 1, "chance"))
        return thrown


def thrown_together(rng: random.Random, first: Sequence[str] = ()) -> str:
    """An instruction of one to `LONGEST` sentences of the catalogue, at most one of each slot, some of them given."""
    chosen: dict[str, Directive] = {}
    given = [BY_ID[name] for name in first]
    for directive in [*given, *rng.sample(CATALOGUE, rng.randint(1, LONGEST))][:LONGEST]:
        chosen.setdefault(directive.slot, directive)
    ids = {directive.id for directive in chosen.values()}
    return Reading(tuple(directive for directive in CATALOGUE if directive.id in ids)).text


def without_critic() -> Agents:
    """The directive agents with chance in the critic's place: one random sentence more, or one exchanged."""
    return replace(agents("directives"), name="directives without critic", critic=NoCritic())


def at_random() -> Agents:
    """Random sentences of the catalogue: no critic, and nothing is inherited."""
    modifier = RandomSentences()
    return replace(agents("directives"), name=modifier.name, critic=NoCritic(), modifier=modifier)


def searches() -> dict[str, dict[str, Any]]:
    """The options of `limner.evolve` by method: the whole search, and random sentences, all pictures for themselves."""
    return {"evolved": {}, "random": {"agents": at_random(), "professionals": 0}}


def ablations() -> dict[str, dict[str, Any]]:
    """The options of `limner.evolve` with one part taken out or another size; batch 1 and pool 3 are evolve itself."""
    return {
        "no critic": {"agents": without_critic()},
        "no database": {"professionals": 0},
        "uniform bandit": {"bandit": "uniform"},
        "no common seed": {"common_seeds": False},
        "ucb": {"bandit": "ucb"},
        "batch 3": {"batch": 3},
        "batch 5": {"batch": 5},
        "pool 1": {"pool": 1},
        "pool 5": {"pool": 5},
    }
