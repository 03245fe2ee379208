"""docs/evolve.md: its drawing is the graph's own, and what it promises of progress holds."""

import re
from pathlib import Path

import limner
from limner.graph.drawing import HELD

PAGE = Path(limner.__file__).parents[1] / "docs" / "evolve.md"
NODES = {"plan", "write", "ask", "draw", "score", "learn", "criticise", "modify", "choose", "tabulate"}


def test_the_drawing_is_the_graphs_own(world):
    with world.deps() as deps:
        drawn = limner.build_evolve(deps).get_graph().draw_mermaid()
    (shown,) = re.findall(r"^```mermaid\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert shown.strip() == drawn.strip()


def test_a_run_can_be_followed(world):
    steps = []
    result = world.evolve(rounds=2, progress=steps.append)
    assert {step.node for step in steps} == NODES
    for node in NODES:
        told = [step.event for step in steps if step.node == node]
        assert told.count("started") == told.count("ended") > 0
        assert told[0] == "started"
    assert [step.phase for step in steps] == sorted(
        (step.phase for step in steps), key=["search", "validation", "held_out"].index
    )
    rounds = [step.round for step in steps]
    assert rounds == sorted(rounds)
    pictures = [step.spend.pictures for step in steps]
    assert pictures == sorted(pictures)
    assert pictures[-1] == result.spend.pictures


def test_a_large_batch_says_how_far_it_is(world):
    steps = []
    manners = ("large", "small", "tiny", "huge", "wide", "tall")
    world.requests = [f"{manner} {request}" for manner in manners for request in world.requests]
    world.evolve(rounds=1, held_out=36, progress=steps.append)
    for node in ("draw", "score"):
        going = [step for step in steps if step.node == node and step.event == "going" and step.phase == "held_out"]
        of = going[-1].update["of"]
        assert of > HELD
        assert [step.update for step in going] == [{"done": HELD, "of": of}, {"done": of, "of": of}]
        started, ended = (
            max(at for at, step in enumerate(steps) if (step.node, step.event) == (node, event))
            for event in ("started", "ended")
        )
        assert all(started < steps.index(step) < ended for step in going)


def test_what_ended_says_what_it_found(world):
    ended = {}
    result = world.evolve(rounds=1, progress=lambda step: ended.update({step.node: step}) if step.update else None)
    assert ended["plan"].update["batch"]["phase"] == "held_out"
    assert ended["choose"].update["best"] == result.instruction.id
    shots = ended["tabulate"].update["final"]
    assert {shot["picture"] for shot in shots} >= {
        shot.picture for one in result.examples for shot in one.shots.values()
    }
    stored = {path.stem for path in (result.folder / "blobs").rglob("*") if path.is_file()}
    assert {shot["picture"] for shot in shots} <= stored
    born = ended["modify"].update["instructions"]
    assert {row["parent"] for row in born.values()} == {result.lineage[0].id}
