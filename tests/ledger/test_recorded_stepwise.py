"""Runs of previews through the ledger: shown once, paid once, by the steps that were carried out."""

import math
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limner.errors import BudgetSpent, ReplayMiss, SessionMismatch, UsageError
from limner.ledger import Budget, Ledger, position, recorded
from limner.protocols import Stepwise, StepwiseRun
from limner.testing import HashStepwise
from limner.types import Failure, Picture, Preview, Prompt, Recipe, Terms

AT = (3, 6)
DROPS = {3: [0], 6: [2]}


def recipes(count: int) -> list[Recipe]:
    return [Recipe(Prompt("a red circle"), seed) for seed in range(count)]


def model(batch: int = 4, **more: Any) -> HashStepwise:
    return HashStepwise(terms=Terms(batch=batch), **more)


def run(
    drawer: Stepwise, count: int = 4, drops: Mapping[int, Collection[int]] = DROPS, at: Sequence[int] = AT
) -> tuple[list[list[Preview]], StepwiseRun]:
    """Draw, dropping the paths `drops[step]` whenever previews of that step are seen."""
    seen = []
    with drawer.start(recipes(count), at) as drawing:
        for previews in drawing:
            seen.append(list(previews))
            for path in drops.get(previews[0].step, ()):
                drawing.drop(path)
    return seen, drawing


def told(run: StepwiseRun) -> tuple[Any, ...]:
    return run.pictures, run.steps_spent, run.steps


def test_a_run_is_paid_once_by_its_steps_and_shown_again(tmp_path: Path) -> None:
    inner = model()
    with Ledger.open(tmp_path) as ledger:
        door = recorded(inner, ledger)
        assert isinstance(door, Stepwise)
        first, again = run(door), run(door)
        assert first[0] == again[0]
        assert told(first[1]) == told(again[1])
        assert ledger.spend().pictures == math.ceil((3 + 6 + 20) / 10) == 3
    assert inner.runs.calls == 1
    with Ledger.open(tmp_path, replay=True) as ledger:
        replayed = run(recorded(inner, ledger))
        assert replayed[0] == first[0]
        assert told(replayed[1]) == told(first[1])
        with pytest.raises(ReplayMiss):
            run(recorded(inner, ledger), 3)
    assert inner.runs.calls == 1


@settings(max_examples=25, deadline=None)
@given(
    count=st.integers(0, 7),
    batch=st.integers(1, 4),
    drops=st.dictionaries(st.sampled_from([1, 4, 9]), st.sets(st.integers(0, 6), max_size=4)),
    failing=st.sets(st.integers(0, 6), max_size=1),
)
def test_it_is_the_run_of_the_model_behind(
    count: int, batch: int, drops: dict[int, set[int]], failing: set[int]
) -> None:
    drops = {step: {path for path in paths if path < count} for step, paths in drops.items()}
    bare = run(model(batch, failing=failing), count, drops, (1, 4, 9))
    with TemporaryDirectory() as folder, Ledger.open(Path(folder)) as ledger:
        for _ in range(2):
            seen, drawing = run(recorded(model(batch, failing=failing), ledger), count, drops, (1, 4, 9))
            assert seen == bare[0]
            assert (drawing.pictures, drawing.steps_spent) == (bare[1].pictures, bare[1].steps_spent)
        failed = [isinstance(one, Failure) for one in drawing.pictures]
        batches = [range(start, min(start + batch, count)) for start in range(0, count, batch)]
        spent = [sum(drawing.steps[path].spent for path in paths if not failed[path]) for paths in batches]
        assert ledger.spend().pictures == sum(math.ceil(steps / 10) for steps in spent)
        assert [one for one in drawing.pictures if isinstance(one, Picture)] == ledger.pictures()


def test_what_dropped_paths_left_is_there_for_others(tmp_path: Path) -> None:
    with Ledger.open(tmp_path, Budget(pictures=5)) as ledger:
        door = recorded(model(), ledger)
        run(door)
        with position("more"):
            run(door, 2, {})
        with position("too many"), pytest.raises(BudgetSpent):
            run(door, 1)
        assert ledger.spend().pictures == 5
        assert set(ledger.spend_by_role()) == {"other", "more"}


def test_a_preview_is_found_by_its_hash_and_is_no_picture_of_the_session(tmp_path: Path) -> None:
    with Ledger.open(tmp_path) as ledger:
        seen, _ = run(recorded(model(), ledger))
        preview = seen[0][1].picture
        assert ledger.picture(preview.sha256) == preview
        assert preview not in ledger.pictures()


def test_a_run_that_an_error_ends_costs_nothing_and_what_was_seen_stands(tmp_path: Path) -> None:
    seen: list[list[Preview]] = []

    def stumble(drawer: Stepwise) -> None:
        with drawer.start(recipes(4), AT) as drawing:
            seen.append(list(next(iter(drawing))))
            raise ZeroDivisionError

    with Ledger.open(tmp_path) as ledger:
        with pytest.raises(ZeroDivisionError):
            stumble(recorded(model(), ledger))
        assert ledger.spend().pictures == 0
        changed = model()
        changed.steps = 12  # on another machine: other previews, the same identity
        again, _ = run(recorded(changed, ledger))
        assert again[0] == seen[0]
        assert again[1][0].picture.model.endswith("of 12 steps")
        assert ledger.spend().pictures == math.ceil((3 + 6 + 24) / 12)


def test_a_run_that_is_left_early_is_recorded_as_it_stands(tmp_path: Path) -> None:
    inner = model(2)
    with Ledger.open(tmp_path) as ledger:
        for _ in range(2):
            with recorded(inner, ledger).start(recipes(4), AT) as drawing:
                for previews in drawing:
                    if previews[0].path == 2:
                        break
            assert [one is None for one in drawing.pictures] == [False, False, True, True]
            assert drawing.steps_spent == 2 * 10 + 2 * 3
        assert ledger.spend().pictures == 3
        with pytest.raises(SessionMismatch, match="another position"):
            run(recorded(inner, ledger), drops={})
    assert inner.runs.calls == 2


def test_other_decisions_are_another_run(tmp_path: Path) -> None:
    with Ledger.open(tmp_path) as ledger:
        door = recorded(model(), ledger)
        run(door)
        with pytest.raises(SessionMismatch, match=r"after step 3 it dropped the paths \[0\], and now \[1\]"):
            run(door, drops={3: [1]})
        with position("another policy"):
            _, drawing = run(door, drops={3: [1]})
        assert drawing.pictures[1] is None
        with pytest.raises(UsageError, match="no path 9"):
            drawing.drop(9)


CHILD = """
import os, sys
from pathlib import Path
from limner.ledger import Ledger, recorded
from limner.testing import HashStepwise
from limner.types import Prompt, Recipe, Terms
ledger = Ledger.open(Path(sys.argv[1]))
recipes = [Recipe(Prompt("a red circle"), seed) for seed in range(4)]
with recorded(HashStepwise(terms=Terms(batch=4)), ledger).start(recipes, (3, 6)) as drawing:
    for previews in drawing:
        print(previews[1].picture.sha256, flush=True)
        os._exit(9)
"""


def test_a_killed_process_leaves_what_was_seen_and_no_charge(tmp_path: Path) -> None:
    child = subprocess.run([sys.executable, "-c", CHILD, str(tmp_path)], capture_output=True, text=True, check=False)
    assert child.returncode == 9, child.stderr
    with Ledger.open(tmp_path) as ledger:
        assert ledger.spend().pictures == 0
        seen, _ = run(recorded(model(), ledger))
        assert seen[0][1].picture.sha256 == child.stdout.strip()
        assert ledger.spend().pictures == 3
