import random
import time
from pathlib import Path

import pytest

from limner.errors import BudgetSpent, ReplayMiss
from limner.ledger import Budget, Ledger, recorded
from limner.testing import HashGenerator
from limner.types import Terms


def calling(child, times=1):
    """Wait until the child is inside its n-th call."""
    for _ in range(times):
        assert child.stdout.readline() == "calling\n"


def kill(child):
    child.kill()  # SIGKILL; not reaped here, so the dead process is still in the table
    time.sleep(0.05)


def logged(folder: Path) -> list[int]:
    return [int(seed) for seed in (folder / "log").read_text().split()]


def recorded_seeds(folder: Path, recipes) -> set[int]:
    with Ledger.open(folder / "s", replay=True) as ledger:
        generator = recorded(HashGenerator(), ledger)
        found = set()
        for recipe in recipes:
            try:
                generator.generate([recipe])
            except ReplayMiss:
                continue
            found.add(recipe.seed)
        return found


def test_after_a_kill_within_a_batch_nothing_recorded_is_drawn_again_and_nothing_is_charged_twice(
    tmp_path, draw_in_process, recipes
):
    child = draw_in_process(12, delay=0.2, limit=12)
    calling(child, 2)
    kill(child)
    assert recorded_seeds(tmp_path, recipes(12)) == {0, 1, 2, 3}
    (tmp_path / "log").unlink()
    finished = draw_in_process(12, limit=12).communicate()[0].splitlines()[-1]
    assert logged(tmp_path) == [4, 5, 6, 7, 8, 9, 10, 11]
    with Ledger.open(tmp_path / "s") as ledger:
        assert ledger.spend().pictures == 12
    with Ledger.open(tmp_path / "whole") as ledger:
        whole = recorded(HashGenerator(terms=Terms(batch=4)), ledger).generate(recipes(12))
    assert finished.split() == ["done", *(picture.sha256 for picture in whole)]


@pytest.mark.slow
def test_kills_at_any_moment_lose_nothing(tmp_path, draw_in_process, recipes):
    rng = random.Random(7)
    known: set[int] = set()
    for _ in range(6):
        (tmp_path / "log").write_text("")
        child = draw_in_process(16, delay=0.05, limit=16)
        calling(child)
        time.sleep(rng.uniform(0, 0.12))
        kill(child)
        assert not known & set(logged(tmp_path))
        known = recorded_seeds(tmp_path, recipes(16))
    (tmp_path / "log").write_text("")
    assert draw_in_process(16, limit=16).communicate()[0].splitlines()[-1].startswith("done")
    assert not known & set(logged(tmp_path))
    with Ledger.open(tmp_path / "s") as ledger:
        assert ledger.spend().pictures == 16
        assert ledger.spend().unknown_outcome == 0


def test_a_remote_call_lost_in_a_crash_stays_charged_and_is_asked_again(tmp_path, draw_in_process, recipes):
    child = draw_in_process(4, delay=30, place="remote")
    calling(child)
    kill(child)
    with Ledger.open(tmp_path / "s", Budget(pictures=8)) as ledger:
        assert (ledger.spend().pictures, ledger.spend().unknown_outcome) == (4, 4)
        generator = recorded(HashGenerator(terms=Terms(local=False, batch=4)), ledger)
        generator.generate(recipes(4))
        assert (ledger.spend().pictures, ledger.spend().unknown_outcome) == (8, 4)
        with pytest.raises(BudgetSpent):
            generator.generate(recipes(5))


def test_a_remote_call_lost_in_a_crash_is_not_asked_again_beyond_the_budget(tmp_path, draw_in_process):
    child = draw_in_process(4, delay=30, place="remote", limit=6)
    calling(child)
    kill(child)
    assert draw_in_process(4, place="remote", limit=6).communicate()[0] == "spent pictures\n"


def test_time_spent_before_a_kill_counts(tmp_path, draw_in_process):
    child = draw_in_process(8, delay=0.3)
    calling(child, 2)
    kill(child)
    with Ledger.open(tmp_path / "s") as ledger:
        assert ledger.spend().seconds > 0.3
