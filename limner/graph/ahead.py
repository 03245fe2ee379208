"""Agents' work done before its turn: what the next round needs for certain is asked while this one is learned from.

Prompts of survivors and questions about the next requests wait for nobody, so they are under way while critic and
modifier are asked. Each is asked under the position that it would have in its own turn: results, spend and records are
those of a run without any of this, and what a killed run had asked ahead its resumption finds in the ledger.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Hashable, Iterable
from types import TracebackType
from typing import Any, Self, TypeVar

from limner.agents import count, counted

T = TypeVar("T")
Work = Callable[[], Coroutine[Any, Any, T]]
Named = tuple[Hashable, Work[T]]
"""Work with the name by which its turn will ask for it; works of one name are the same."""

APART_S = 0.004
"""Seconds from one piece of work begun ahead to the next, so that critic and modifier find the event loop free."""


class Ahead:
    """Work under way before its turn, on the event loop on which this is entered; elsewhere nothing is begun ahead."""

    def __init__(self) -> None:
        """Nothing is under way."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._begun: dict[Hashable, asyncio.Task[tuple[Any, Counter[str]]]] = {}

    @property
    def here(self) -> bool:
        """Whether work can be begun ahead in this place."""
        try:
            return self._loop is not None and asyncio.get_running_loop() is self._loop
        except RuntimeError:
            return False

    def begin(self, works: Iterable[Named[Any]], apart: float = APART_S) -> None:
        """Begin pieces of work that are not under way yet, one so many seconds after the other."""
        if not self.here:
            return
        new = {name: work for name, work in works if name not in self._begun}
        for place, (name, work) in enumerate(new.items()):
            self._begun[name] = asyncio.create_task(_after(place * apart, work))

    async def done(self, name: Hashable, work: Work[T]) -> T:
        """The result of the work of this name: what was begun ahead, or else done now.

        Raises:
            Exception: what the work raised, whenever it did.
        """
        begun = self._begun.pop(name, None) if self.here else None
        if begun is None:
            return await work()
        result: T
        result, counts = await begun
        for counted_name, number in counts.items():
            count(counted_name, number)
        return result

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for what is under way, since it is paid for; or end it, where the run is cancelled."""
        begun, self._begun, self._loop = list(self._begun.values()), {}, None
        if isinstance(error, asyncio.CancelledError):
            for task in begun:
                task.cancel()
        await asyncio.gather(*begun, return_exceptions=True)


async def _after(seconds: float, work: Work[T]) -> tuple[T, Counter[str]]:
    """What the work results in, and what was counted meanwhile, for whoever asks for it."""
    await asyncio.sleep(seconds)
    with counted() as counts:
        return await work(), counts
