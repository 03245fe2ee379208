"""A run that was stopped goes on to the result that it would have had, and pays nothing twice."""

import asyncio
import json
import os
import runpy
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from limner.errors import ModelError, SessionBusy, SessionError, SessionMismatch
from limner.graph.api import aevolve
from limner.testing import HashGenerator, ScorerFromFunction
from limner.types import Terms

NODES = ("plan", "write", "ask", "draw", "score", "learn", "criticise", "modify", "choose", "tabulate")
CHILD = Path(__file__).with_name("evolve_child.py")


class Crash(RuntimeError):
    """A defect in the middle of a run."""


class CrashAt:
    """Progress that raises once for every moment it is given, in any order of arrival."""

    def __init__(self, moments):
        self.left = set(moments)

    def __call__(self, step):
        moment = (step.event, step.node)
        if moment in self.left:
            self.left.remove(moment)
            raise Crash(moment)


class Crashing(HashGenerator):
    """Raises at every other call, before it draws."""

    def __init__(self):
        super().__init__(terms=Terms(batch=5))
        self.called = 0

    def generate(self, recipes):
        self.called += 1
        if self.called % 2:
            raise Crash(f"call {self.called}")
        return super().generate(recipes)


def until_done(world, first, **options):
    """Begin a session and resume it after every crash; returns the result and the number of crashes."""
    crashes = 0
    while True:
        try:
            return (first() if not crashes else world.resume("s", **options)), crashes
        except Crash:
            crashes += 1


@pytest.mark.parametrize("event", ["started", "ended"])
def test_a_crash_at_every_kind_of_node_changes_nothing(world, another, said, event):
    crash = CrashAt((event, node) for node in NODES)
    result, crashes = until_done(world, lambda: world.evolve(session="s", progress=crash), progress=crash)
    assert crashes == len(NODES)
    assert said(result) == said(another().evolve())
    assert world.repeated() == 0


def test_a_crash_in_the_middle_of_a_drawn_batch_changes_nothing(another, said):
    world, whole = another(generator=Crashing()), another(generator=HashGenerator(terms=Terms(batch=5)))
    result, crashes = until_done(world, lambda: world.evolve(session="s"))
    assert crashes > 4
    assert said(result) == said(whole.evolve())
    assert world.repeated() == 0
    assert len(world.generator.log.items) == len(whole.generator.log.items)


def test_a_crash_of_a_scorer_changes_nothing(another, said):
    left = [True]

    def judged(query, picture):
        if left:
            left.clear()
            raise Crash("scorer")
        return 1.0

    world = another(taste=ScorerFromFunction(judged))
    result, crashes = until_done(world, lambda: world.evolve(session="s"))
    assert crashes == 1
    assert said(result) == said(another(taste=ScorerFromFunction(lambda query, picture: 1.0)).evolve())
    assert world.repeated() == 0


def test_a_finished_session_pays_nothing_and_gives_its_result_again(world, said):
    result = world.evolve(session="s")
    drawn, scored = world.generator.log.calls, world.taste.log.calls
    again = world.resume("s")
    assert said(again) == said(result)
    assert (world.generator.log.calls, world.taste.log.calls) == (drawn, scored)
    assert said(world.resume(result.folder)) == said(result)


def test_changed_settings_are_refused_and_named(world):
    world.evolve(session="s", rounds=1)
    drawn = world.generator.log.calls
    with pytest.raises(SessionMismatch, match=r"evolve\.rounds: 1 then, 4 now") as caught:
        world.resume("s", rounds=4)
    assert caught.value.exit_code == 2
    with pytest.raises(SessionMismatch, match=r"evolve\.pool: 3 then, 2 now; settings\.evolve\.seed: 0 then, 9 now"):
        world.resume("s", seed=9, pool=2)
    with pytest.raises(SessionMismatch, match=r"generator: 'hash' then, 'other' now"):
        world.resume("s", generator=HashGenerator("other"))
    assert world.generator.log.calls == drawn


def test_other_queries_are_refused(world):
    world.evolve(session="s", rounds=1)
    with pytest.raises(SessionMismatch, match="queries"):
        asyncio.run(aevolve(["a red star"], resume="s", **world.options(rounds=1)))


def test_a_session_that_is_not_there(world):
    with pytest.raises(SessionError, match=r"There is no session in .*nowhere"):
        world.resume("nowhere")


def test_a_name_that_is_taken(world):
    world.evolve(session="s", rounds=1)
    with pytest.raises(SessionError, match="exists already; resume it or choose another name"):
        world.evolve(session="s", rounds=1)


@pytest.mark.parametrize("name", ["a/b", "..", "../elsewhere", "/tmp/elsewhere", "a\0b", "a\nb"])
def test_a_name_that_is_no_plain_name_is_refused(world, name):
    with pytest.raises(SessionError, match=r"cannot name a session.*Take a plain name"):
        world.evolve(session=name, rounds=1)
    assert not world.out.exists()


def test_a_session_is_resumed_from_within_its_directory(world, monkeypatch):
    before = world.evolve(session="s", rounds=1)
    monkeypatch.chdir(world.out / "s")
    assert world.resume(".").instruction == before.instruction


def test_professional_prompts_of_the_callers_own_are_asked_for_again(world):
    world.evolve(session="s", rounds=1)
    with pytest.raises(SessionMismatch, match=r"professional: .*caller's.* then, 'prompt database' now"):
        world.resume("s", professional=None)


def test_a_session_is_locked_while_it_runs(world):
    refused = []

    def progress(step):
        if (step.event, step.node) == ("ended", "draw") and not refused:
            with pytest.raises(SessionBusy, match="Another process is working on the session"):
                world.resume("s")
            refused.append(step.node)

    world.evolve(session="s", rounds=1, progress=progress)
    assert refused == ["draw"]


def test_a_run_whose_models_fail_leaves_a_session_that_resumes(another, said):
    """Not a crash of ours but a model's own error."""
    left = [True]

    class Failing(HashGenerator):
        def generate(self, recipes):
            if left and self.log.calls == 2:
                left.clear()
                raise ModelError("out of memory")
            return super().generate(recipes)

    world = another(generator=Failing())
    with pytest.raises(ModelError, match="out of memory"):
        world.evolve(session="s")
    assert said(world.resume("s")) == said(another().evolve())


@pytest.fixture
def child(tmp_path):
    """Start tests/graph/evolve_child.py; `until` reads its lines up to one that says so for the nth time."""
    children = []

    def start(*arguments, until, nth=1):
        process = subprocess.Popen([sys.executable, CHILD, *map(str, arguments)], stdout=subprocess.PIPE, text=True)
        children.append(process)
        for line in process.stdout:
            nth -= line.strip() == until
            if not nth:
                return process
        raise AssertionError(f"the child ended with {process.wait()} before it said {until!r}")

    yield start
    for process in children:
        process.kill()
        process.wait()
        process.stdout.close()


def test_two_processes_kill_and_resume(child, tmp_path, said):
    """SIGKILL in a draw and later in another; between them, a second process finds the session busy."""
    run = runpy.run_path(str(CHILD))["run"]
    out, session = tmp_path / "killed", tmp_path / "killed" / "s"
    first = child(out, until="start draw")
    with pytest.raises(SessionBusy):
        run(out, session)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    second = child(out, session, until="start draw", nth=2)
    os.kill(second.pid, signal.SIGKILL)
    second.wait()
    before = (out / "drawn.txt").read_text().splitlines()
    result = run(out, session)
    whole = tmp_path / "whole"
    whole.mkdir()
    assert said(result) == said(run(whole))
    drawn = (out / "drawn.txt").read_text().splitlines()
    noted = (whole / "drawn.txt").read_text().splitlines()
    assert sorted(set(drawn)) == sorted(noted)
    # the two batches in which the kills fell were never recorded, so they alone were drawn again
    assert len(drawn) - len(noted) <= 8
    assert len(before) < len(drawn)
    assert json.loads((session / "result.json").read_text())["stop_reason"] == "rounds"
