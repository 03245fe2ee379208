"""Group commit: what concurrent chat turns want of the ledger, written in few transactions and off the event loop.

A turn is reserved on disk before it is sent and recorded on disk before it is used; each takes a flushed transaction of
milliseconds. Whoever comes while one is under way waits for the next, which takes all who wait, and one begins when
the event loop has let all ask who are ready to. So eighty turns that begin or end together cost a handful of
transactions, and one turn alone waits for nobody.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Lock
from typing import Any, Generic, NamedTuple, TypeVar

from limner.errors import StorageError
from limner.ledger.codec import Result
from limner.ledger.door import Admission, Door, Settlement
from limner.ledger.store import Call

Ask = TypeVar("Ask")
Answer = TypeVar("Answer")

MOST = 256
"""Askers of one transaction: it stays short, and below the number of values that SQLite takes in a statement."""


class Together:
    """The door for turns that are asked for one by one, from any event loop and thread."""

    def __init__(self, door: Door) -> None:
        """Nothing runs until somebody asks."""
        self._door = door
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="limner-ledger")
        self._admissions = _Grouped[Call, Admission](
            lambda calls: door.admit_each([[call] for call in calls]), self._writer
        )
        self._settlements = _Grouped[Settlement, Result](door.settle_each, self._writer)

    async def admit(self, call: Call) -> Admission:
        """See `Door.admit`. Who is cancelled meanwhile has asked for nothing: the reservation is released."""
        asked = self._admissions.asked(call)
        try:
            return await asyncio.shield(asked)
        except asyncio.CancelledError:
            await asyncio.wait([asked])
            if asked.exception() is None:
                with suppress(StorageError):  # it is given up with the next call or start, then
                    self._door.release(list(asked.result().reserved.values()))
            raise

    async def settle(self, settlement: Settlement) -> Result:
        """See `Door.settle`. A turn that came is recorded, also if who asked for it is cancelled meanwhile."""
        asked = self._settlements.asked(settlement)
        try:
            return await asyncio.shield(asked)
        except asyncio.CancelledError:
            await asyncio.wait([asked])
            raise

    def close(self) -> None:
        """Serve who waits and end the thread."""
        self._writer.shutdown()


class _Waiting(NamedTuple):
    """Somebody who has asked."""

    asked: Any
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]


class _Grouped(Generic[Ask, Answer]):
    """Asks of one kind, served in the order in which they came, all that wait at once."""

    def __init__(
        self, serve: Callable[[Sequence[Ask]], Sequence[Answer | Exception]], writer: ThreadPoolExecutor
    ) -> None:
        self._serve = serve
        self._writer = writer
        self._waiting: list[_Waiting] = []
        self._lock = Lock()

    def asked(self, ask: Ask) -> asyncio.Future[Answer]:
        """The answer, when its group has been served."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        with self._lock:
            due = any(one.loop is loop for one in self._waiting)
            self._waiting.append(_Waiting(ask, loop, future))
        if not due:  # else a group that will take this one, too, is
            loop.call_soon(self._serve_soon)
        return future

    def _serve_soon(self) -> None:
        try:
            self._writer.submit(self._serve_group)
        except RuntimeError as error:  # it has been closed
            with self._lock:
                group, self._waiting = self._waiting, []
            _tell(group, [error] * len(group))

    def _serve_group(self) -> None:
        with self._lock:
            group, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            if self._waiting:
                self._writer.submit(self._serve_group)
        if group:
            _tell(group, self._answers([one.asked for one in group]))

    def _answers(self, asks: Sequence[Ask]) -> Sequence[Answer | Exception]:
        try:
            return self._serve(asks)
        except Exception as error:  # noqa: BLE001 - carried over to all who asked and raised there
            return [error] * len(asks)


def _tell(group: Sequence[_Waiting], answers: Sequence[Any]) -> None:
    """Give each its answer, on its own event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = defaultdict(list)
    for one, answer in zip(group, answers, strict=True):
        by_loop[one.loop].append((one.future, answer))
    for loop, answered in by_loop.items():
        with suppress(RuntimeError):  # a loop that was closed waits for nothing any more
            loop.call_soon_threadsafe(_hand_over, answered)


def _hand_over(answered: Sequence[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, answer in answered:
        if future.done():
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
