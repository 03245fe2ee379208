"""The desk at which a tool asks: it draws and scores, proposes changes, notes the choice, and counts every picture.

All tools have the same proposals, by the agents of `limner.evolve`: the critic reads every trial of the run, the
modifier makes the child. A picture that a tool has drawn is not drawn again. A run is over at its cap of pictures, when
its choice has reached the target and enough was drawn for the chart, or when it goes in circles.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from limner.agents import Contrast, Review, Trial, agents
from limner.bench.search_world import World, written
from limner.graph.deps import derive
from limner.types import Instruction, Query

STUCK = 500
"""Pictures asked for again and proposals, in a row without a new picture, that show a tool to go in circles."""


class Over(BaseException):
    """The run has ended; not an `Exception`, which some tools would catch and go on."""


@dataclass(frozen=True, slots=True)
class Limits:
    """A run ends at `cap` pictures, or with a choice worth `target` once `horizon` pictures were drawn."""

    cap: int
    target: float
    horizon: int


@dataclass
class Desk:
    """One run of one tool.

    `trace` has (pictures drawn, worth of the choice) whenever the tool named its choice; `asked` counts pictures asked
    for again, too.
    """

    world: World
    limits: Limits
    seed: int
    pictures: int = 0
    asked: int = 0
    trace: list[tuple[int, float]] = field(default_factory=list)
    proposals: int = 0
    _again: int = 0
    _rewards: dict[tuple[str, str], float] = field(default_factory=dict)
    _history: list[tuple[str, Trial]] = field(default_factory=list)
    _tried: dict[str, Instruction] = field(default_factory=dict)

    @property
    def tried(self) -> list[str]:
        """Every instruction that was drawn or proposed, in order."""
        return [*self._tried]

    def draw(self, text: str, queries: Sequence[Query]) -> list[float]:
        """The rewards of an instruction for requests, each with its picture seed of this run."""
        self._tried.setdefault(text, Instruction(text))
        self.asked += len(queries)
        new = [query for query in dict.fromkeys(queries) if (text, query.id) not in self._rewards]
        if not new:
            self._goes_round(len(queries))
        affordable = new[: self.limits.cap - self.pictures]
        if affordable:
            self._draw(text, affordable)
        if len(affordable) < len(new):
            raise Over
        return [self._rewards[text, query.id] for query in queries]

    def _goes_round(self, steps: int = 1) -> None:
        self._again += steps
        if self._again > STUCK:
            raise Over

    def _draw(self, text: str, queries: Sequence[Query]) -> None:
        asks = [(query, written(text, query), derive(self.seed, "picture", query.id)) for query in queries]
        for (query, prompt, _), reward in zip(asks, self.world.rewards(asks), strict=True):
            self._rewards[text, query.id] = 0.0 if reward is None else reward
            if reward is not None:
                self._history.append((text, Trial(query, prompt, reward)))
        self.pictures += len(asks)
        self._again = 0

    def propose(self, text: str, count: int = 1) -> list[str]:
        """At most `count` new instructions, each one change of this one, as critic and modifier see fit."""
        self._goes_round()
        return asyncio.run(self._propose(Instruction(text), count))

    async def _propose(self, instruction: Instruction, count: int) -> list[str]:
        family = agents("directives")
        self._tried.setdefault(instruction.text, instruction)
        self.proposals += 1
        seed, tried = derive(self.seed, "proposal", self.proposals), tuple(self._tried.values())
        review = Review(
            instruction, self._contrasts(instruction), tuple(trial for _, trial in self._history), tried, seed
        )
        critique = await family.critic.criticise(review, limit=count)
        born = [await family.modifier.modify(instruction, one, tried, seed) for one in critique.improvements]
        if not any(born):
            born = list(await family.modifier.vary(instruction, count, tried, seed))
        texts = list(dict.fromkeys(child.text for child in born if child is not None))
        self._tried.update({child: Instruction(child) for child in texts})
        return texts

    def _contrasts(self, instruction: Instruction) -> tuple[Contrast, ...]:
        """Its prompts beside the best known for the same request."""
        best: dict[str, Trial] = {}
        for _, trial in self._history:
            if trial.query.id not in best or trial.reward > best[trial.query.id].reward:
                best[trial.query.id] = trial
        own = (trial for text, trial in self._history if text == instruction.text)
        return tuple(
            Contrast(trial, best[trial.query.id]) for trial in own if best[trial.query.id].reward > trial.reward
        )

    def choose(self, text: str) -> None:
        """Note what the tool would answer now."""
        worth = self.world.worth_of(text, self.limits.target)
        self.trace.append((self.pictures, worth))
        if self.pictures >= self.limits.horizon and max(one for _, one in self.trace) >= self.limits.target:
            raise Over


def pictures_until(trace: Sequence[tuple[int, float]], limits: Limits) -> int:
    """Pictures drawn when the choice first reached the target; the cap if it never did."""
    return next((min(drawn, limits.cap) for drawn, worth in trace if worth >= limits.target), limits.cap)
