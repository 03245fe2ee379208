"""The directive critic: from noisy scores alone it finds what helps, and says so in general words."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from limner.agents import BY_ID, START, Contrast, Critic, Critique, DirectiveCritic, DirectiveWriter, Review, Trial
from limner.agents.catalogue import features_of
from limner.agents.effects import effects
from limner.agents.sentences import LONGEST, changed, read, understood
from limner.types import Instruction, Prompt, Query

SEEN = (
    *("plain", "clauses", "semicolons", "places", "each", "trim", "large", "one"),
    *("story", "sharp", "flat", "dreamy", "vintage", "sketch"),
)
SUBJECTS = ("dog", "ring", "clock", "fox", "boat", "apple", "lamp", "tree", "chair", "kite")


def queries(count: int, rng: np.random.Generator) -> list[Query]:
    picked = [rng.choice(SUBJECTS, 2, replace=False) for _ in range(count)]
    return [Query.of(f"show me a {first} and two {second}s") for first, second in picked]


def trials(worth: dict[str, float], seed: int, noise: float = 0.5, count: int = 25) -> list[Trial]:
    """Trials of three-sentence instructions, rewarded by the features that their prompts show."""
    rng = np.random.default_rng(seed)
    made = []
    for query in queries(count, rng):
        for _ in range(4):
            ids = rng.choice(SEEN, 3, replace=False)
            text = " ".join(BY_ID[str(name)].sentence for name in ids)
            prompt = DirectiveWriter().explain(Instruction(text), query).prompt
            reward = sum(worth.get(name, 0.0) for name in features_of(prompt, query)) + rng.normal(0, noise)
            made.append(Trial(query, prompt, float(reward)))
    return made


def criticise(review: Review, limit: int = 3) -> Critique:
    return asyncio.run(DirectiveCritic().criticise(review, limit))


@pytest.mark.parametrize("seed", range(5))
def test_it_recovers_what_helps_and_what_harms(seed: int) -> None:
    history = tuple(trials({"places": 1.0, "dreamy": -1.0}, seed))
    instruction = Instruction(f"{BY_ID['trim'].sentence} {BY_ID['dreamy'].sentence}")
    critique = criticise(Review(instruction, (), history, seed=seed))
    assert f"Add: {BY_ID['places'].sentence}" in critique.improvements
    assert f"Drop: {BY_ID['dreamy'].sentence}" in critique.improvements


def test_its_estimates_are_honest() -> None:
    worth = {"places": 0.8, "sharp": 0.5, "sketch": -0.6}
    errors = []
    for seed in range(4):
        found = effects(trials(worth, seed, count=30), ())
        for name in (*worth, "flat", "story", "vintage"):
            estimate = found.of([name])
            errors.append((estimate.mean - worth.get(name, 0.0)) / estimate.error)
    assert abs(float(np.mean(errors))) < 0.8
    assert float(np.mean(np.abs(errors) < 2.5)) > 0.8


def test_professional_prompts_teach_it() -> None:
    rng = np.random.default_rng(0)
    contrasts = []
    for query in queries(12, rng):
        said = query.text.removeprefix("show me ")
        good = Prompt(f"{said}; masterpiece, carefully drawn")
        contrasts.append(Contrast(Trial(query, Prompt(said), -0.5 + rng.normal(0, 0.2)), Trial(query, good, 0.8)))
    history = tuple(trial for pair in contrasts for trial in (pair.worst, pair.best))
    critique = criticise(Review(START, tuple(contrasts), history))
    assert any("masterpiece" in improvement for improvement in critique.improvements)
    assert "below the best known for the same 12 requests" in critique.weaknesses[0]


def test_it_never_speaks_of_a_subject() -> None:
    history = tuple(trials({"places": 1.0}, 3))
    critique = criticise(Review(START, (Contrast(history[0], history[1]),), history))
    said = " ".join((*critique.weaknesses, *critique.improvements)).lower()
    assert not any(subject in said.split() for subject in SUBJECTS)


def test_improvements_lead_to_instructions_not_tried_yet() -> None:
    history = tuple(trials({"places": 1.0}, 1))
    reading = read(START.text)
    tried: list[Instruction] = [START]
    for seed in range(5):
        critique = criticise(Review(START, (), history[:60], tuple(tried), seed))
        assert 1 <= len(critique.improvements) <= 3
        for improvement in critique.improvements:
            change = understood(improvement)
            assert change is not None
            child = changed(reading, change)
            assert child.ids not in {read(instruction.text).ids for instruction in tried}
            assert 1 <= len(child.known) <= LONGEST
            tried.append(Instruction(child.text))


def test_in_a_full_instruction_the_least_useful_sentence_makes_room() -> None:
    ids = ("plain", "commas", "story", "trim", "flat", "vintage")
    full = Instruction(" ".join(BY_ID[name].sentence for name in ids))
    history = tuple(trials({"places": 1.2, "story": -1.2}, 2))
    critique = criticise(Review(full, (), history), limit=1)
    assert critique.improvements == (f"Replace: {BY_ID['story'].sentence} by {BY_ID['places'].sentence}",)


def test_without_evidence_it_explores_by_seed() -> None:
    proposals = {criticise(Review(START, (), (), seed=seed)).improvements for seed in range(5)}
    assert len(proposals) > 1
    assert all(len(improvements) == 3 for improvements in proposals)
    again = criticise(Review(START, (), (), seed=0)), criticise(Review(START, (), (), seed=0))
    assert again[0] == again[1]


def test_equal_rewards_and_single_trials_say_nothing() -> None:
    trial = Trial(Query.of("a dog"), Prompt("a dog, sharp edges"), 0.3)
    critique = criticise(Review(START, (), (trial,)))
    assert critique.weaknesses == ()
    assert len(critique.improvements) == 3
    assert isinstance(DirectiveCritic(), Critic)
