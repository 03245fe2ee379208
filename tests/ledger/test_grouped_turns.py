"""Turns that begin or end together share transactions: what each is promised holds as if it had come alone."""

import asyncio
import random
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from limner.errors import BudgetSpent, StorageError
from limner.ledger import Budget, Ledger, position, recorded
from limner.ledger.store import Store
from limner.testing import ChatFromCallable
from limner.types import Message, Terms, Turn, Usage

TURNS = 40
TERMS = Terms(
    local=False,
    sampling=True,
    max_output_tokens=5,
    price_per_call=0.0,
    price_per_input_token=0.0,
    price_per_output_token=0.0,
)


def replying(messages, schema):
    return Turn(f"reply {messages[-1].content}", usage=Usage(10, 5))


async def asked(chat, number):
    with position("writer", str(number)):
        return await chat.turn([Message("user", str(number))])


async def all_asked(chat, count=TURNS, **how):
    return await asyncio.gather(*(asked(chat, number) for number in range(count)), **how)


def rows(folder):
    """Positions of calls by their state, as another process would read them."""
    with sqlite3.connect(folder / "ledger.sqlite") as db:
        found = db.execute("SELECT state, position FROM calls").fetchall()
    db.close()
    return {state: {where.partition(" / ")[2] for seen, where in found if seen == state} for state in dict(found)}


@pytest.fixture
def transactions(monkeypatch):
    """How often the store began a durable transaction."""
    begun = []
    transaction = Store._transaction

    def counted(self, *, durable):
        begun.append(durable)
        return transaction(self, durable=durable)

    monkeypatch.setattr(Store, "_transaction", counted)
    return begun


def test_turns_that_begin_and_end_together_share_transactions(tmp_path, transactions):
    with Ledger.open(tmp_path) as ledger:
        turns = asyncio.run(all_asked(recorded(ChatFromCallable(replying, terms=TERMS), ledger)))
        assert [turn.text for turn in turns] == [f"reply {number}" for number in range(TURNS)]
        assert (ledger.spend().model_calls, ledger.spend().tokens) == (TURNS, 15 * TURNS)
    assert transactions.count(True) == 2  # all reservations, and all replies


def test_a_turn_that_is_asked_after_the_ledger_was_closed_is_refused(tmp_path):
    with Ledger.open(tmp_path) as ledger:
        chat = recorded(ChatFromCallable(replying, terms=TERMS), ledger)
    with pytest.raises(RuntimeError, match="shutdown"):
        asyncio.run(asyncio.wait_for(asked(chat, 1), 10))


def test_a_reservation_is_on_disk_before_the_turn_is_sent(tmp_path):
    seen = []

    def looking(messages, schema):
        seen.append(messages[-1].content in rows(tmp_path)["reserved"])
        return replying(messages, schema)

    with Ledger.open(tmp_path) as ledger:
        asyncio.run(all_asked(recorded(ChatFromCallable(looking, terms=TERMS), ledger), 8))
    assert seen == [True] * 8


@pytest.mark.parametrize("limit", [1, 7, TURNS])
def test_a_group_buys_exactly_what_the_budget_allows(tmp_path, limit):
    model = ChatFromCallable(replying, terms=TERMS)
    with Ledger.open(tmp_path, Budget(model_calls=limit)) as ledger:
        told = asyncio.run(all_asked(recorded(model, ledger), return_exceptions=True))
        assert ledger.spend().model_calls == model.log.calls == limit
    assert sum(isinstance(one, BudgetSpent) for one in told) == TURNS - limit


def test_two_who_ask_the_same_in_one_group_pay_once(tmp_path):
    model = ChatFromCallable(replying, terms=TERMS)

    async def twice(chat):
        return await asyncio.gather(*(asked(chat, number % 4) for number in range(12)))

    with Ledger.open(tmp_path) as ledger:
        turns = asyncio.run(twice(recorded(model, ledger)))
        assert ledger.spend().model_calls == model.log.calls == 4
    assert [turn.text for turn in turns] == [f"reply {number % 4}" for number in range(12)]


def test_askers_on_several_event_loops_are_each_answered(tmp_path):
    model = ChatFromCallable(replying, terms=TERMS)
    with Ledger.open(tmp_path) as ledger:
        chat = recorded(model, ledger)
        threads = [threading.Thread(target=lambda: asyncio.run(all_asked(chat, 10))) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert ledger.spend().model_calls == model.log.calls == 10


def test_one_that_is_cancelled_while_it_waits_has_asked_for_nothing(tmp_path, monkeypatch):
    model = ChatFromCallable(replying, terms=TERMS)
    reserve_each = Store.reserve_each

    def slowly(self, *arguments):
        time.sleep(0.1)
        return reserve_each(self, *arguments)

    monkeypatch.setattr(Store, "reserve_each", slowly)

    async def cancelled(chat):
        task = asyncio.create_task(asked(chat, 1))
        await asyncio.sleep(0.03)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with Ledger.open(tmp_path) as ledger:
        asyncio.run(cancelled(recorded(model, ledger)))
        assert (ledger.spend().model_calls, ledger.spend().unknown_outcome, model.log.calls) == (0, 0, 0)


def test_one_that_is_cancelled_while_its_reply_is_recorded_has_it_recorded(tmp_path, monkeypatch):
    record_each = Store.record_each
    recording = threading.Event()

    def slowly(self, *arguments):
        recording.set()
        time.sleep(0.1)
        return record_each(self, *arguments)

    monkeypatch.setattr(Store, "record_each", slowly)

    async def cancelled(chat):
        task = asyncio.create_task(asked(chat, 1))
        await asyncio.to_thread(recording.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with Ledger.open(tmp_path) as ledger:
        asyncio.run(cancelled(recorded(ChatFromCallable(replying, terms=TERMS), ledger)))
        assert (ledger.spend().model_calls, ledger.spend().unknown_outcome) == (1, 0)
        assert asyncio.run(asked(recorded(ChatFromCallable(replying, terms=TERMS), ledger), 1)).text == "reply 1"
        assert ledger.spend().model_calls == 1


def test_a_disk_that_refuses_a_group_fails_each_of_its_turns(tmp_path, monkeypatch):
    def refused(self, *arguments):
        raise StorageError("no space left")

    with Ledger.open(tmp_path) as ledger:
        chat = recorded(ChatFromCallable(replying, terms=TERMS), ledger)
        with monkeypatch.context() as patch:
            patch.setattr(Store, "record_each", refused)
            told = asyncio.run(all_asked(chat, 5, return_exceptions=True))
        assert [type(one) for one in told] == [StorageError] * 5
        assert (ledger.spend().model_calls, ledger.spend().unknown_outcome) == (5, 5)


def test_kills_while_many_turns_are_under_way_lose_and_repeat_nothing_that_was_recorded(tmp_path):
    rng = random.Random(3)
    kept: set[str] = set()
    for _ in range(4):
        log = tmp_path / "log"
        log.write_text("")
        command = [sys.executable, str(Path(__file__).with_name("chat_child.py")), tmp_path / "s", log, str(TURNS)]
        with subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout.readline() == "begun\n"
            some = rng.randint(1, max(1, TURNS - len(kept)))
            while len(noted(log, "sent")) < some and child.poll() is None:
                time.sleep(0.002)
            child.kill()  # SIGKILL
        sent, used = noted(log, "sent"), noted(log, "used")
        assert not kept & sent  # what was recorded before is not asked again
        Ledger.open(tmp_path / "s").close()  # gives up what the dead process held
        found = rows(tmp_path / "s")
        before, kept = kept, found.get("recorded", set())
        assert used <= kept  # recorded before used
        assert sent <= kept | found.get("unknown", set())  # reserved before sent, and still on the account
        assert before <= kept
    model = ChatFromCallable(replying, terms=TERMS)
    with Ledger.open(tmp_path / "s") as ledger:
        lost = ledger.spend().unknown_outcome
        assert lost  # the kills did hit turns under way
        turns = asyncio.run(all_asked(recorded(model, ledger)))
        assert [turn.text for turn in turns] == [f"reply {number}" for number in range(TURNS)]
        assert model.log.calls == TURNS - len(kept)
        assert ledger.spend().model_calls == TURNS + lost


def noted(log, what):
    return {
        line.split()[1] for line in log.read_text().splitlines() if line.startswith(what) and len(line.split()) == 2
    }
