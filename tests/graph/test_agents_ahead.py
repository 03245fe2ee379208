"""Agents asked before their turn: overlapping, and nothing else: the same results, calls and records."""

import asyncio
import re
import sqlite3
import time
from contextlib import closing

import pytest
from langgraph.checkpoint.sqlite import SqliteSaver

import limner
from limner.agents import Minds, thinking
from limner.errors import ChatError, GenerationError
from limner.graph.deps import QuerySets
from limner.microworld.queries import queries
from limner.testing import ChatFromCallable, HashGenerator, ScorerFromFunction, VisionFromFunction
from limner.testing.role_server import sensible_reply
from limner.types import Prompt, Terms

REMOTE = Terms(local=False, batch=1, sampling=True, price_per_input_token=0.0, price_per_output_token=0.0)
PATIENCE = 20.0


class Drawing(HashGenerator):
    """Draws a batch of the search only once another question has been asked, for so many batches."""

    def __init__(self, mind, batches):
        super().__init__()
        self._mind, self._batches = mind, batches

    def generate(self, recipes):
        if self._batches:
            self._batches -= 1
            asked, until = self._mind.asked.count("questioner"), time.monotonic() + PATIENCE
            while self._mind.asked.count("questioner") == asked:
                assert time.monotonic() < until, "nobody asked a question while these pictures were drawn"
                time.sleep(0.01)
        return super().generate(recipes)


@pytest.fixture(autouse=True)
def quick_report(monkeypatch):
    """Pages have their own tests."""
    monkeypatch.setattr("limner.graph.api.write_report", lambda result, picture: result.report.write_text("a page"))


def world():
    some = {"search": 12, "validation": 2, "held_out": 2}
    return QuerySets(*(tuple(queries(split)[:count]) for split, count in some.items()))


def likes_length(query, picture):
    text = picture.recipe.prompt.text
    return 2.0 * ("masterpiece" in text) + min(len(text), 1000) / 1000


def role_of(messages):
    first = messages[0].content
    found = re.match(r"You are the (?:prompt |instruction )?(\w+)", first)
    return found[1] if found else "questioner" if first.startswith("You take requests") else "probe"


def said(messages):
    return sensible_reply({"messages": [{"role": one.role, "content": one.content} for one in messages]})


class Mind:
    """A remote model that answers each role by rule, and notes the role and batch of every turn that it is asked."""

    def __init__(self, while_criticised=None):
        self.asked = []
        self._while_criticised = while_criticised

    async def turn(self, messages, schema):
        role = role_of(messages)
        self.asked.append(role)
        if role == "critic" and self._while_criticised is not None:
            await self._while_criticised(self)
        return await asyncio.to_thread(said, messages)

    def agents(self):
        return thinking(Minds.of(ChatFromCallable(self.turn, "mind", terms=REMOTE)))


def options(folder, mind, **changed):
    return {
        "out": folder,
        "session": "s",
        "agents": mind.agents(),
        "generator": HashGenerator(),
        "taste": ScorerFromFunction(likes_length),
        "questions": VisionFromFunction(lambda picture, question: int(picture.sha256[:4], 16) / 16**4),
        "professional": lambda query, count: [Prompt(f"{query.text}, masterpiece")],
        "rounds": 3,
        "batch": 2,
        "validation": 2,
        "held_out": 2,
        **changed,
    }


def turns(folder):
    """Position, state and request of every chat turn."""
    with closing(sqlite3.connect(folder / "s" / "ledger.sqlite")) as db:
        return sorted(db.execute("SELECT position, state, request FROM calls WHERE kind = 'chat'"))


def batches_written_for(folder):
    written = (position.split(" / ") for position, *_ in turns(folder) if position.startswith("writer"))
    return {int(parts[1].removeprefix("batch ")) for parts in written}


def test_survivors_write_and_questions_are_asked_while_the_critic_thinks(tmp_path, monkeypatch):
    monkeypatch.setattr("limner.graph.drawing.LEAD_S", 1e6)  # not before, however long drawing takes
    meanwhile = []

    async def others_are_asked(mind):
        before = len(mind.asked)
        async with asyncio.timeout(PATIENCE):
            while len(meanwhile) < 2 and "questioner" not in mind.asked[before:]:
                await asyncio.sleep(0.01)
        meanwhile.append(set(mind.asked[before:]))

    result = limner.evolve(world(), **options(tmp_path, Mind(others_are_asked), rounds=4))
    assert result.stop_reason == "rounds"
    assert meanwhile[:2] == [{"questioner"}, {"questioner", "writer"}]  # the start alone has no fellow survivors


def test_the_next_questions_are_asked_while_pictures_are_drawn_and_change_nothing(tmp_path):
    beside = Mind()
    drawing = Drawing(beside, batches=2)  # of three rounds: after the last no round comes
    overlapped = limner.evolve(world(), **options(tmp_path / "beside", beside, generator=drawing))
    plain = limner.evolve(world(), **options(tmp_path / "plain", Mind()))
    assert overlapped.instruction == plain.instruction
    assert overlapped.rounds == plain.rounds
    assert (overlapped.spend.model_calls, overlapped.spend.tokens) == (plain.spend.model_calls, plain.spend.tokens)
    assert turns(tmp_path / "beside") == turns(tmp_path / "plain")


@pytest.mark.parametrize(
    "limits", [{"rounds": 1}, {"rounds": 2, "budget_tokens": 10**9}, {"rounds": 2, "budget_pictures": 12}]
)
def test_while_drawing_nothing_is_asked_that_no_round_may_use(tmp_path, monkeypatch, limits):
    """The last round, one that leaves too few pictures, and a first one of a run whose tokens are limited."""
    monkeypatch.setattr("limner.graph.drawing.LEAD_S", 0.0)
    mind, asked = Mind(), []

    class Counting(HashGenerator):
        def generate(self, recipes):
            time.sleep(0.1)  # time in which questions would be asked
            asked.append(mind.asked.count("questioner"))
            return super().generate(recipes)

    limner.evolve(QuerySets(world().search, (), ()), **options(tmp_path, mind, generator=Counting(), **limits))
    assert asked[0] == 2  # those of the first batch alone


def test_what_had_not_begun_when_a_run_failed_is_not_asked(tmp_path, monkeypatch):
    monkeypatch.setattr("limner.graph.drawing.LEAD_S", 1e6)

    class Broken(HashGenerator):
        def generate(self, recipes):
            raise GenerationError("out of memory")

    mind = Mind()
    with pytest.raises(GenerationError, match="out of memory"):
        limner.evolve(world(), **options(tmp_path, mind, generator=Broken()))
    assert mind.asked.count("questioner") == 2  # those of the first batch alone


def test_it_is_the_run_that_it_would_be_without(tmp_path):
    ahead = limner.evolve(world(), **options(tmp_path / "ahead", Mind()))
    with (
        limner.evolve_deps(world(), **options(tmp_path / "after", Mind())) as deps,
        SqliteSaver.from_conn_string(":memory:") as saver,
    ):
        graph = limner.build_evolve(deps, saver)
        state = graph.invoke(
            limner.initial_state(deps), {"configurable": {"thread_id": "one"}, "recursion_limit": 1000}
        )
        spend = deps.ledger.spend()
    assert state["best"] == ahead.instruction.id
    assert [row["children"] for row in state["rounds"]] == [list(one.children) for one in ahead.rounds]
    assert (spend.model_calls, spend.tokens, spend.pictures) == (
        ahead.spend.model_calls,
        ahead.spend.tokens,
        ahead.spend.pictures,
    )
    assert turns(tmp_path / "ahead") == turns(tmp_path / "after")


def test_nothing_is_written_that_is_not_drawn(tmp_path):
    result = limner.evolve(world(), **options(tmp_path, Mind()))
    assert result.stop_reason == "rounds"
    assert batches_written_for(tmp_path) == {1, 2, 3, 4, 5}  # three rounds, the choice, the table


def test_a_request_that_comes_twice_in_a_round_is_written_for_once(tmp_path):
    """Three requests by two a round: where a new shuffle begins, a round may have one of them twice."""
    few = QuerySets(world().search[:3], (), ())
    result = limner.evolve(few, **options(tmp_path, Mind(), rounds=4))
    assert result.stop_reason == "rounds"
    asked = [position for position, *_ in turns(tmp_path)]
    assert len(asked) == len(set(asked))


def test_where_the_budget_is_short_nothing_is_begun_ahead(tmp_path):
    async def nobody_is_asked(mind):
        before = len(mind.asked)
        await asyncio.sleep(0.1)
        assert len(mind.asked) == before

    alone = QuerySets(world().search, (), ())
    enough = limner.evolve(alone, **options(tmp_path / "one", Mind(), rounds=1)).spend.tokens
    short = options(tmp_path / "short", Mind(nobody_is_asked), rounds=2, budget_tokens=enough)
    assert 0 < limner.evolve(alone, **short).spend.tokens <= enough


@pytest.mark.parametrize("event", ["started", "ended"])
@pytest.mark.parametrize("node", ["draw", "criticise", "modify"])
def test_what_a_stopped_run_had_asked_ahead_is_not_asked_again(tmp_path, monkeypatch, node, event):
    monkeypatch.setattr("limner.graph.drawing.LEAD_S", 0.0)
    expected = limner.evolve(world(), **options(tmp_path / "whole", Mind()))

    def stop(step):
        if (step.node, step.event, step.round) == (node, event, 2):
            raise ValueError("stopped")

    mind = Mind()
    with pytest.raises(ValueError, match="stopped"):
        limner.evolve(world(), **options(tmp_path / "cut", mind), progress=stop)
    given = {name: value for name, value in options(tmp_path / "cut", mind).items() if not isinstance(value, int | str)}
    result = limner.evolve(resume="s", **given)
    assert result.instruction == expected.instruction
    assert result.spend.model_calls == expected.spend.model_calls
    assert turns(tmp_path / "cut") == turns(tmp_path / "whole")


def test_a_model_that_fails_ahead_ends_the_run_with_its_own_error(tmp_path):
    class Failing(Mind):
        async def turn(self, messages, schema):
            if "critic" in self.asked and role_of(messages) == "writer":
                raise ChatError("the endpoint is gone")
            return await super().turn(messages, schema)

    with pytest.raises(ChatError, match="the endpoint is gone"):
        limner.evolve(world(), **options(tmp_path, Failing()))
