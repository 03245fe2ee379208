"""However many pictures a batch has, few are in memory, and the state names them alone."""

import gc
import sqlite3

from limner.graph.checkpoints import CHECKPOINTS
from limner.graph.drawing import HELD
from limner.testing import ScorerFromFunction
from limner.types import Picture


def alive():
    return sum(type(one) is Picture for one in gc.get_objects())


class Watching(ScorerFromFunction):
    """Likes long prompts, keeps no pictures, and counts those in memory at each call."""

    def __init__(self):
        super().__init__(lambda query, picture: float(len(picture.recipe.prompt.text)))
        self.most = 0

    def score(self, pairs):
        scores = super().score(pairs)
        self.log.batches.clear()
        self.most = max(self.most, alive())
        return scores


def test_a_large_batch_is_drawn_and_judged_in_pieces(world):
    """A held-out batch has three columns of every query here: 135 pictures at once."""
    before = alive()
    world.requests = [
        f"a {colour} kite over town {number}" for number in range(50) for colour in ("red", "blue", "pink")
    ]
    world.taste = Watching()
    result = world.evolve(rounds=1, held_out=45, validation=4)
    assert sum(column.pictures for column in result.columns) == 135
    assert 0 < world.taste.most - before <= HELD


def test_the_state_holds_no_pictures(world):
    result = world.evolve(rounds=2)
    with sqlite3.connect(result.folder / CHECKPOINTS) as checkpoints:
        (largest,) = checkpoints.execute("SELECT max(length(checkpoint)) FROM checkpoints").fetchone()
    pictures = sum(shot.picture is not None for example in result.examples for shot in example.shots.values())
    assert largest < 40_000 + 1_000 * pictures
