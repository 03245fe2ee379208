"""Previews and dropped paths: what is kept draws as if nothing had been dropped, and what is dropped costs nothing."""

import math
from collections.abc import Callable, Collection
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from limner.errors import UsageError
from limner.generation import generator
from limner.generation.diffusers_generator import DiffusersGenerator
from limner.generation.schedulers import NAMES
from limner.ledger import Ledger, recorded
from limner.protocols import Stepwise
from limner.types import Failure, Picture, Preview, Prompt, Recipe

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
STEPS = 6
SHRINKING, SINGLE = ("sd", "sdxl", "sd3"), ("flux", "qwen-image", "pixart", "sana")
CALLS = {"heun": 2 * STEPS - 1, "pndm": STEPS + 9}
"""Calls of the network for a picture, where they are not one for each step (PNDM begins with three of four calls)."""


def recipe(seed: int, text: str = "a red cat", **settings: Any) -> Recipe:
    return Recipe(Prompt(text), seed, **({"steps": STEPS} | settings))


def pixels(picture: Any) -> np.ndarray:
    assert isinstance(picture, Picture), picture
    return np.asarray(picture.image(), int)


@pytest.fixture(scope="module")
def models(family: Callable[[str], Path]) -> Callable[[str], DiffusersGenerator]:
    loaded: dict[str, DiffusersGenerator] = {}
    return lambda name: loaded.setdefault(name, DiffusersGenerator(family(name), batch=4))


def run(
    model: Stepwise, recipes: list[Recipe], at: Collection[int], drop: dict[int, list[int]]
) -> tuple[list[Any], int, list[list[Preview]]]:
    """Draw, dropping the paths `drop[step]` when the previews of that step are seen."""
    seen = []
    with model.start(recipes, at) as drawing:
        for previews in drawing:
            seen.append(list(previews))
            for path in drop.get(previews[0].step, []):
                drawing.drop(path)
        return drawing.pictures, drawing.steps_spent, seen


@pytest.mark.parametrize("scheduler", NAMES)
def test_kept_paths_are_those_of_undropped_runs(scheduler: str, models: Callable[[str], DiffusersGenerator]) -> None:
    """The state of the scheduler and the generators must shrink, too: this fails for most schedulers if they do not."""
    if scheduler == "lms":
        pytest.importorskip("scipy", reason="without scipy diffusers has no LMS; see the next test")
    model, calls = models("sd"), CALLS.get(scheduler, STEPS)
    recipes = [recipe(seed, f"{seed} cats", scheduler=scheduler, guidance=7.0) for seed in range(4)]
    whole = [pixels(one) for one in model.generate(recipes)]
    pictures, spent, _ = run(model, recipes, [2, 4], {2: [0], 4: [2]})
    assert [one is None for one in pictures] == [True, False, True, False]
    for kept in (1, 3):
        assert np.abs(pixels(pictures[kept]) - whole[kept]).max() <= 2
    assert spent == 2 + 4 + 2 * calls


@pytest.mark.skipif(find_spec("scipy") is not None, reason="scipy is there")
def test_a_scheduler_that_needs_another_package_says_so(models: Callable[[str], DiffusersGenerator]) -> None:
    for (failed,) in (
        models("sd").generate([recipe(1, scheduler="lms")]),
        run(models("sd"), [recipe(1, scheduler="lms")], [1], {})[0],
    ):
        assert isinstance(failed, Failure)
        assert "'lms' needs a package that is not here" in failed.reason
        assert "scipy" in failed.reason


@pytest.mark.parametrize("name", [*SHRINKING, *SINGLE])
def test_each_family_draws_its_own_pictures(
    name: str, models: Callable[[str], DiffusersGenerator], caplog: pytest.LogCaptureFixture
) -> None:
    model = models(name)
    recipes = [recipe(seed, steps=4) for seed in range(3)]
    pictures, spent, seen = run(model, recipes, [1, 3], {1: [1]})
    alone = [pixels(model.generate([one])[0]) for one in recipes]
    assert pictures[1] is None
    assert all(np.abs(pixels(pictures[path]) - alone[path]).max() <= 2 for path in (0, 2))
    assert all(preview.picture.image().size == alone[0].shape[1::-1] for previews in seen for preview in previews)
    assert spent == 2 * 4 + (name in SHRINKING)  # a path alone is dropped before it begins
    assert any("by itself" in line for line in caplog.messages) == (name in SINGLE)


@pytest.mark.parametrize("name", [*SHRINKING, "flux", "qwen-image", "pixart"])
def test_the_last_preview_is_the_picture(name: str, models: Callable[[str], DiffusersGenerator]) -> None:
    """After the last step nothing is left to remove, so the prediction is what is drawn."""
    (picture,), _, seen = run(models(name), [recipe(1, steps=4)], [4], {})
    assert np.abs(pixels(seen[0][0].picture) - pixels(picture)).max() <= 3


def test_previews_come_closer_to_the_picture() -> None:
    painter = generator("microworld")
    assert isinstance(painter, Stepwise)
    wanted = [Recipe(Prompt("a big red circle in the middle; high quality"), seed) for seed in range(2)]
    pictures, _, seen = run(painter, wanted, [2, 8, 14], {})
    far = [np.mean([np.abs(pixels(one.picture) - pixels(pictures[one.path])).mean() for one in step]) for step in seen]
    assert far[0] > far[1] > far[2]
    assert pictures == painter.generate(wanted)
    assert "after 2 of" in seen[0][0].picture.model


def test_dropping_everything_ends_the_run(models: Callable[[str], DiffusersGenerator]) -> None:
    pictures, spent, seen = run(models("sd"), [recipe(1), recipe(2)], [1, 2], {1: [0, 1]})
    assert (pictures, spent, len(seen)) == ([None, None], 2, 1)


def test_batches_too_large_are_cut_and_later_paths_can_be_dropped_before_they_begin(
    models: Callable[[str], DiffusersGenerator],
) -> None:
    pictures, spent, seen = run(models("sd"), [recipe(seed) for seed in range(6)], [1], {1: [5]})
    assert [one is None for one in pictures] == [False] * 5 + [True]
    assert [len(previews) for previews in seen] == [4, 1]
    assert spent == 5 * STEPS


def test_leaving_early_ends_the_thread_and_other_drawing_goes_on(models: Callable[[str], DiffusersGenerator]) -> None:
    model = models("sd")
    before = model.generate([recipe(9)])
    with model.start([recipe(1)], [1, 2]) as drawing:
        for _ in drawing:
            assert model.generate([recipe(9)]) == before
            break
    assert drawing.pictures == [None]
    assert drawing.steps_spent == 1


def test_through_the_ledger_it_is_the_same_run_and_paid_once(
    models: Callable[[str], DiffusersGenerator], tmp_path: Path
) -> None:
    recipes, drops = [recipe(seed) for seed in range(4)], {1: [0], 2: [2]}
    bare = run(models("sd"), recipes, [1, 2], drops)
    with Ledger.open(tmp_path) as ledger:
        for _ in range(2):
            assert run(recorded(models("sd"), ledger), recipes, [1, 2], drops) == bare
        assert ledger.spend().pictures == math.ceil((1 + 2 + 2 * STEPS) / STEPS)


def test_what_cannot_be_drawn_fails_in_its_place(models: Callable[[str], DiffusersGenerator]) -> None:
    pictures, _, _ = run(models("sd"), [recipe(1), recipe(2, steps=0), recipe(3, scheduler="quantum")], [1], {})
    assert isinstance(pictures[0], Picture)
    assert all(isinstance(one, Failure) for one in pictures[1:])
    with pytest.raises(UsageError, match="count from 1"):
        models("sd").start([recipe(1)], [0])
    with models("sd").start([recipe(1)], [1]) as drawing, pytest.raises(UsageError, match="no path 3"):
        drawing.drop(3)
