"""BIGPE (arXiv 2406.08713), point by point, on fakes."""

from collections.abc import Sequence
from itertools import pairwise

import pytest

from limner.agents import Agents, Critique, Review, agents
from limner.graph.deps import QuerySets
from limner.results import COLUMNS
from limner.testing import ScorerFromFunction
from limner.types import Instruction, Prompt, Query


class Tape:
    """Everything that the nodes of a run said."""

    def __init__(self):
        self.updates = []

    def __call__(self, step):
        if step.event == "ended":
            self.updates.append((step.node, step.phase, step.update))

    def of(self, node, phase="search"):
        return [update for name, where, update in self.updates if name == node and where == phase]

    def batches(self, phase="search"):
        return [update["batch"] for update in self.of("plan", phase) if update["batch"]]

    def shots(self, phase="search"):
        return [shot for update in self.of("score", phase) for shot in update["shots"]]


class CountingCritic:
    """Asks for the improvements it was given, and remembers what it saw."""

    name = "counting"

    def __init__(self, count: int):
        self.count = count
        self.reviews: list[Review] = []

    async def criticise(self, review: Review, limit: int = 3) -> Critique:
        self.reviews.append(review)
        return Critique(("weak",), tuple(f"improvement {i}" for i in range(min(self.count, limit))))


class CountingModifier:
    """Adds a sentence to the instruction; says no to every improvement if `barren`."""

    name = "counting"

    def __init__(self, barren: bool = False, variants: int = 3):
        self.barren, self.variants, self.born = barren, variants, 0

    async def modify(self, instruction: Instruction, improvement: str, avoid=(), seed: int = 0) -> Instruction | None:
        return None if self.barren else self._child(instruction, improvement)

    async def vary(self, instruction: Instruction, count: int = 3, avoid=(), seed: int = 0) -> list[Instruction]:
        return [self._child(instruction, "variant") for _ in range(min(count, self.variants))]

    def _child(self, instruction: Instruction, reason: str) -> Instruction:
        self.born += 1
        return Instruction(f"{instruction.text} Sentence {self.born}.", reason=reason)


class InstructionWriter:
    """Puts the instruction into the prompt, so that a scorer can judge it."""

    name = "counting"

    async def write(self, instruction: Instruction, query: Query) -> Prompt:
        return Prompt(f"{query.text}. {instruction.text}")


def family(critic: CountingCritic, modifier: CountingModifier) -> Agents:
    return Agents("counting", "Begin.", InstructionWriter(), critic, modifier, agents("directives").questioner)


def praised(query: Query, count: int) -> Sequence[Prompt]:
    return [Prompt(f"{query.text}, high quality number {i}") for i in range(count)]


def test_the_pool_stays_bounded(world):
    result = world.evolve(rounds=6, pool=2, children=4)
    assert len(result.rounds) == 6
    for round in result.rounds:
        assert len(round.survivors) <= 2
        assert len(round.pulls) <= 2 - 1 + 4


def test_each_round_takes_a_fresh_batch_without_replacement(world):
    tape = Tape()
    result = world.evolve(rounds=8, batch=3, progress=tape)
    batches = [batch["queries"] for batch in tape.batches()]
    assert [len(batch) for batch in batches] == [3] * 8
    every = [query for batch in batches for query in batch]
    # half of the 24 requests are for the search: each is used once before any is used again
    assert len(set(every[:12])) == 12
    assert set(every[12:]) == set(every[:12])
    assert every[12:] != every[:12]
    assert result.stop_reason == "rounds"


def test_all_arms_of_a_query_share_a_picture_seed_and_nothing_else_does(world):
    tape = Tape()
    world.evolve(rounds=5, progress=tape, professional=praised, professionals=2)
    seeds = {}
    for phase in ("search", "validation", "held_out"):
        for shot in tape.shots(phase):
            seeds.setdefault((phase, shot["batch"], shot["query"]), set()).add(shot["seed"])
    assert all(len(several) == 1 for several in seeds.values())
    assert len({seed for several in seeds.values() for seed in several}) == len(seeds)


def test_every_arm_meets_every_query_of_its_batch_once(world):
    tape = Tape()
    result = world.evolve(rounds=4, progress=tape)
    for batch, round in zip(tape.batches(), result.rounds, strict=True):
        shots = [shot for shot in tape.shots() if shot["batch"] == batch["number"]]
        met = [(shot["arm"], shot["query"]) for shot in shots]
        assert sorted(met) == sorted((arm, query) for arm in batch["arms"] for query in batch["queries"])
        assert round.pulls == dict.fromkeys(batch["arms"], 2)


def test_professional_prompts_are_scored_beside_the_arms_and_never_compete(world):
    tape = Tape()
    result = world.evolve(rounds=4, progress=tape, professional=praised, professionals=2)
    beside = [shot for shot in tape.shots() if shot["arm"] == "professional"]
    assert len(beside) == 4 * 2 * 2
    assert all(shot["taste"] is not None for shot in beside)
    assert all("professional" not in round.pulls for round in result.rounds)
    assert not any("number" in candidate.instruction.text for candidate in result.candidates)
    # with a professional prompt that beats the start, there is something to learn from in the first round already
    assert result.rounds[0].improvements
    assert not result.rounds[0].fallback


def test_the_gradient_contrasts_the_worst_survivor_with_the_best_prompt_known_for_the_same_query(world):
    critic = CountingCritic(3)
    tape = Tape()
    result = world.evolve(
        rounds=3,
        agents=family(critic, CountingModifier()),
        professional=praised,
        professionals=2,
        progress=tape,
        bandit="ucb",
    )
    assert len(critic.reviews) == 3
    for review, round, batch in zip(critic.reviews, result.rounds, tape.batches(), strict=True):
        assert review.instruction.id == round.worst
        assert {contrast.worst.query.id for contrast in review.contrasts} == set(batch["queries"])
        for contrast in review.contrasts:
            assert contrast.best.query == contrast.worst.query
            assert contrast.best.reward > contrast.worst.reward
            assert "high quality" in contrast.best.prompt.text
    sizes = [len(review.history) for review in critic.reviews]
    assert sizes == [6, 6 + 10, 6 + 10 + 14]


def test_the_worst_survivor_of_the_batch_is_replaced_by_one_child_per_improvement(world):
    critic = CountingCritic(2)
    result = world.evolve(
        rounds=5, agents=family(critic, CountingModifier()), professional=praised, professionals=1, children=3
    )
    births = {candidate.instruction.id: candidate.instruction for candidate in result.candidates}
    for round, following in pairwise(result.rounds):
        assert round.worst == min(round.survivors, key=lambda name, rewards=round.rewards: rewards[name])
        assert round.improvements == ("improvement 0", "improvement 1")
        assert [births[child].parent for child in round.children] == [round.worst, round.worst]
        assert [births[child].reason for child in round.children] == list(round.improvements)
        assert {births[child].round for child in round.children} == {round.number}
        assert set(following.pulls) == {*round.survivors, *round.children} - {round.worst}


def test_only_as_many_children_as_allowed(world):
    result = world.evolve(
        rounds=2,
        agents=family(CountingCritic(9), CountingModifier()),
        professional=praised,
        professionals=1,
        children=2,
    )
    assert all(len(round.children) == 2 for round in result.rounds)


def test_where_nothing_beats_the_worst_the_modifier_varies_it(world):
    critic = CountingCritic(3)
    result = world.evolve(rounds=1, agents=family(critic, CountingModifier()))
    assert critic.reviews == []  # the start instruction alone: nothing to contrast it with
    first = result.rounds[0]
    assert first.fallback
    assert first.improvements == ()
    reasons = {one.instruction.id: one.instruction.reason for one in result.candidates}
    assert [reasons[child] for child in first.children] == ["variant"] * 3


def test_where_no_improvement_has_a_child_the_modifier_varies(world):
    barren = family(CountingCritic(3), CountingModifier(barren=True))
    result = world.evolve(rounds=1, agents=barren, professional=praised, professionals=1)
    assert result.rounds[0].improvements
    assert result.rounds[0].fallback
    assert len(result.rounds[0].children) == 3


def test_a_search_without_anything_left_that_could_win_ends_early(world):
    result = world.evolve(rounds=9, agents=family(CountingCritic(3), CountingModifier(barren=True, variants=0)))
    assert result.stop_reason == "nothing left that could win"
    assert len(result.rounds) == 1
    assert result.instruction.text == "Begin."


@pytest.mark.parametrize("policy", ["additive", "greedy", "ucb", "bigpe", "epsilon-greedy"])
def test_the_bandit_decides_who_survives(world, policy):
    """An instruction far better than the rest survives every policy; greedy keeps exactly the highest means."""
    sizes = ScorerFromFunction(lambda query, picture: 100.0 * ("Sentence 2." in picture.recipe.prompt.text))
    result = world.evolve(
        rounds=5, pool=2, taste=sizes, agents=family(CountingCritic(2), CountingModifier()), bandit=policy
    )
    winner = next(one.instruction for one in result.candidates if one.instruction.text == "Begin. Sentence 2.")
    assert all(winner.id in round.survivors for round in result.rounds[1:])
    if policy == "greedy":
        pulled = {}
        for round in result.rounds:
            for name, reward in round.rewards.items():
                pulled.setdefault(name, []).append(reward)
            means = {name: sum(pulled[name]) / len(pulled[name]) for name in round.pulls}
            highest = sorted(means.values(), reverse=True)[:2]
            assert sorted((means[name] for name in round.survivors), reverse=True) == pytest.approx(highest)


def test_the_final_choice_is_made_on_validation_queries_with_the_start_among_the_finalists(world):
    tape = Tape()
    result = world.evolve(rounds=4, validation=4, finalists=2, progress=tape)
    batch = tape.batches("validation")[0]
    assert len(batch["queries"]) == 4
    assert result.lineage[0].id in batch["arms"]
    measured = {one.instruction.id: one.validation.mean for one in result.candidates if one.validation}
    assert set(measured) == set(batch["arms"])
    assert len(measured) <= 3
    assert measured[result.instruction.id] == max(measured.values())


def test_held_out_queries_are_compared_in_four_columns_and_were_never_seen_before(world):
    tape = Tape()
    result = world.evolve(rounds=6, held_out=6, progress=tape, professional=praised, professionals=1)
    assert tuple(column.name for column in result.columns) == COLUMNS
    assert [column.pictures for column in result.columns] == [6] * 4
    seen = {query for phase in ("search", "validation") for batch in tape.batches(phase) for query in batch["queries"]}
    assert len(result.examples) == 6
    for example in result.examples:
        assert example.query.id not in seen
        assert example.shots["plain"].prompt.text == example.query.text
        assert example.shots["professional"].prompt == praised(example.query, 1)[0]
        assert set(example.shots) == set(COLUMNS)
    assert set(result.differences) == {f"evolved_minus_{name}" for name in ("start", "professional", "plain")}


def test_given_sets_of_queries_are_used_as_they_are(world):
    groups = QuerySets(*(tuple(Query.of(text) for text in world.requests[i : i + 4]) for i in (0, 4, 8)))
    tape = Tape()
    world.requests = groups
    world.evolve(progress=tape)
    assert {query for batch in tape.batches() for query in batch["queries"]} <= {one.id for one in groups.search}
    assert tape.batches("held_out")[0]["queries"] == [query.id for query in groups.held_out]


def test_few_queries_serve_all_phases_and_the_result_says_so(world):
    world.requests = ["a red circle", "a blue square", "a green ring"]
    result = world.evolve(rounds=2)
    assert any("fewer than 12 queries" in note for note in result.notes)
    assert result.columns[0].pictures == 3
