"""How fast an endpoint is asked: so many turns at once, half as many when it says that this is too much.

Additive increase, multiplicative decrease, as in TCP (Jacobson 1988): a whole cap of turns that went well raises the
cap by one again. One pace serves every model of an endpoint, on any event loop and thread.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from threading import Lock
from typing import TypeAlias

_Waiter: TypeAlias = "tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]"


class Pace:
    """A cap on turns under way, which follows what the endpoint can take."""

    def __init__(self, most: int) -> None:
        """Begin at `most` turns at once, never to pass it."""
        self._most = most
        self._cap = float(most)
        self._under_way = 0
        self._halvings = 0
        self._waiting: deque[_Waiter] = deque()
        self._lock = Lock()

    @property
    def cap(self) -> int:
        """Turns that may be under way now, at least one."""
        return int(self._cap)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Began]:
        """Wait for a place and hold it; a turn that ends without an error counts as gone well."""
        await self._enter()
        began = Began(self, self._halvings)
        try:
            yield began
            self._went_well(began)
        finally:
            self._leave()

    def too_fast(self, halvings: int) -> None:
        """Halve the cap, unless that was done since: a burst that is refused as one halves it once."""
        with self._lock:
            if halvings == self._halvings:
                self._halvings += 1
                self._cap = max(1.0, self._cap / 2)

    async def _enter(self) -> None:
        loop = asyncio.get_running_loop()
        with self._lock:
            if self._under_way < self.cap and not self._waiting:
                self._under_way += 1
                return
            waiter = (loop, loop.create_future())
            self._waiting.append(waiter)
        try:
            await waiter[1]
        except asyncio.CancelledError:
            with self._lock:
                still_waits = waiter in self._waiting
                if still_waits:
                    self._waiting.remove(waiter)
            if not still_waits:
                self._leave()
            raise

    def _leave(self) -> None:
        with self._lock:
            self._under_way -= 1
            while self._waiting and self._under_way < self.cap:
                loop, future = self._waiting.popleft()
                with suppress(RuntimeError):  # a loop that was closed waits for nothing any more
                    loop.call_soon_threadsafe(_let_in, future)
                    self._under_way += 1

    def _went_well(self, began: Began) -> None:
        with self._lock:
            if began.halvings == self._halvings:
                self._cap = min(float(self._most), self._cap + 1 / self._cap)


class Began:
    """A turn under way and how often the cap had been halved when it began."""

    def __init__(self, pace: Pace, halvings: int) -> None:
        self._pace = pace
        self.halvings = halvings

    def too_fast(self) -> None:
        """The endpoint said so: fewer at once from now on."""
        self._pace.too_fast(self.halvings)


def _let_in(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
