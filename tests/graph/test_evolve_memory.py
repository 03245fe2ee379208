"""However many pictures a batch has, few are in memory, and the state names them alone."""

import gc
import sqlite3
import tracemalloc
from uuid import uuid4

import pytest

from limner.graph.checkpoints import CHECKPOINTS
from limner.graph.drawing import HELD, draw, score
from limner.graph.evolve import initial_state
from limner.graph.state import Batch, Written
from limner.testing import HashGenerator, ScorerFromFunction
from limner.types import Picture

COLOURS = ("red", "blue", "pink", "green")


def chance(picture):
    return int(picture.sha256[:6], 16) / 16**6


def alive(model):
    """Pictures by one model in memory; those of other tests do not count."""
    gc.collect()
    return sum(type(one) is Picture and one.model == model for one in gc.get_objects())


class Watching(ScorerFromFunction):
    """Likes long prompts or as told, keeps no pictures, and counts those in memory at each call."""

    def __init__(self, likes=lambda query, picture: float(len(picture.recipe.prompt.text))):
        super().__init__(likes)
        self.most = 0

    def score(self, pairs):
        scores = super().score(pairs)
        self.log.batches.clear()
        self.most = max(self.most, alive(pairs[0][1].model))
        return scores


def test_a_large_batch_is_drawn_and_judged_in_pieces(world):
    """A held-out batch has three columns of every query here: 135 pictures at once."""
    world.generator = HashGenerator(f"memory {uuid4()}")
    world.requests = [
        f"a {colour} kite over town {number}" for number in range(50) for colour in ("red", "blue", "pink")
    ]
    world.taste = Watching()
    result = world.evolve(rounds=1, held_out=45, validation=4)
    assert sum(column.pictures for column in result.columns) == 135
    assert 0 < world.taste.most <= HELD


class Rounds:
    """Of each round of a search: its instructions, and the bytes in memory once it has been learnt from.

    The default bandit drops what cannot win, so `taste` tells nothing apart until a round has 64 instructions.
    """

    def __init__(self):
        self.arms, self.held = [], []

    def taste(self, query, picture):
        return chance(picture) if self.arms[-1] >= 64 else 0.0

    def follow(self, step):
        if step.event == "started" or step.phase != "search":
            return
        if step.node == "plan" and step.update["batch"]["phase"] == "search":
            self.arms.append(len(step.update["batch"]["arms"]))
        if step.node == "learn":
            gc.collect()
            self.held.append(tracemalloc.get_traced_memory()[0])


def test_a_full_pool_over_a_thousand_requests_is_searched_in_the_memory_of_a_piece(world):
    """The pool grows past 64 instructions, so that a round has more pictures than are held.

    All 1,000 requests in turn would be 64,000 pictures, half an hour; what each round adds shows in the last one.
    """
    world.generator = HashGenerator("memory of a search", size=(128, 128))
    world.requests = [f"a {colour} kite over town {number}" for number in range(500) for colour in COLOURS]
    rounds = Rounds()
    world.taste = Watching(rounds.taste)
    with world.deps() as deps:
        assert len(deps.queries.search) == 1000
    tracemalloc.start()
    try:
        result = world.evolve(pool=64, children=16, batch=1, rounds=7, validation=4, progress=rounds.follow)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert max(rounds.arms) >= 64
    assert peak < 10e6
    assert rounds.held[-1] - rounds.held[-2] < 20_000 * rounds.arms[-1]  # a picture has 49 kB
    assert 0 < world.taste.most <= HELD
    with sqlite3.connect(result.folder / CHECKPOINTS) as checkpoints:
        (kept,) = checkpoints.execute("SELECT count(*) FROM checkpoints").fetchone()
    assert kept <= 2  # the newest state and the one before it, never one per step


@pytest.mark.slow
def test_a_picture_more_in_a_batch_costs_its_row_and_not_its_pixels(world):
    """Batches of 64 instructions; the larger one has 128 pictures more, of 49 kB once decoded."""
    world.requests = [f"a {colour} kite over town {number}" for number in range(250) for colour in COLOURS]
    world.generator, world.taste = HashGenerator(size=(128, 128)), Watching()
    peaks = []
    for number, queries in enumerate((1, 3), start=1):
        with world.deps(session=f"session {number}") as deps:
            arms = {f"arm {place}": f"Add words of quality, {place} of them." for place in range(64)}
            names = [query.id for query in deps.queries.search[:queries]]
            batch = Batch(number=number, phase="search", arms=list(arms), queries=names)
            written = [
                Written(batch=number, arm=arm, query=name, prompt=f"{text} {name}", negative="")
                for arm, text in arms.items()
                for name in names
            ]
            state = {**initial_state(deps), "batch": batch, "written": written}
            tracemalloc.start()
            state |= draw(deps, state)
            state |= score(deps, state)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
            world.generator.log.batches.clear()
            assert all(shot["taste"] is not None for shot in state["shots"])
    assert peaks[1] - peaks[0] < 128 * 4_000


def test_the_state_holds_no_pictures(world):
    result = world.evolve(rounds=2)
    with sqlite3.connect(result.folder / CHECKPOINTS) as checkpoints:
        (largest,) = checkpoints.execute("SELECT max(length(checkpoint)) FROM checkpoints").fetchone()
    pictures = sum(shot.picture is not None for example in result.examples for shot in example.shots.values())
    assert largest < 40_000 + 1_000 * pictures
