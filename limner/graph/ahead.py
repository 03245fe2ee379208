"""Agents' work done before its turn: what the next round needs for certain is asked while this one is still busy.

Questions about the next requests wait for nobody, so they are under way while pictures are drawn and judged, and with
them prompts of survivors while critic and modifier are asked. Each is asked under the position that it would have in
its own turn: results, spend and records are those of a run without any of this, and what a killed run had asked ahead
its resumption finds in the ledger. It takes an event loop that outlives a node: under `invoke` nothing is begun ahead.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Hashable, Iterable
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

from limner.agents import count, counted

T = TypeVar("T")
Work = Callable[[], Coroutine[Any, Any, T]]
Named = tuple[Hashable, Work[T]]
"""Work with the name by which its turn will ask for it; works of one name are the same."""

APART_S = 0.004
"""Seconds from one piece of work begun ahead to the next, so that critic and modifier find the event loop free."""
FIRST = 5
"""How many times as long the first waits, so that what is asked now is on its way before."""
LEAD_S = 0.2
"""Seconds that drawing has to itself: what takes no longer leaves nothing to be done beside it."""


class _Begun(NamedTuple):
    """Work that begins once it is due."""

    task: asyncio.Task[tuple[Any, Counter[str]]]
    due: asyncio.Event


class Ahead:
    """Work under way before its turn, on the event loop on which this is entered; elsewhere nothing is begun ahead."""

    def __init__(self) -> None:
        """Nothing is under way."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._begun: dict[Hashable, _Begun] = {}

    @property
    def here(self) -> bool:
        """Whether work can be begun ahead in this place."""
        try:
            return self._loop is not None and asyncio.get_running_loop() is self._loop
        except RuntimeError:
            return False

    def begin(self, works: Iterable[Named[Any]], apart: float = APART_S, after: float = 0.0) -> None:
        """Begin pieces of work that are not under way yet, `after` so many seconds, each `apart` from the one before.

        One that was to begin later begins then; whoever asks for its result has it begun now.
        """
        if not self.here:
            return
        for place, (name, work) in enumerate(dict(works).items()):
            if name not in self._begun:
                self._begun[name] = _waiting(work)
            asyncio.get_running_loop().call_later(after + place * apart, self._begun[name].due.set)

    async def done(self, name: Hashable, work: Work[T]) -> T:
        """The result of the work of this name: what was begun ahead, or else done now.

        Raises:
            Exception: what the work raised, whenever it did.
        """
        begun = self._begun.pop(name, None) if self.here else None
        if begun is None:
            return await work()
        begun.due.set()
        result: T
        result, counts = await begun.task
        for counted_name, number in counts.items():
            count(counted_name, number)
        return result

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for what is under way, since it is paid for; or end it, where the run is cancelled. Begin no more."""
        begun, self._begun, self._loop = list(self._begun.values()), {}, None
        for one in begun:
            if isinstance(error, asyncio.CancelledError) or not one.due.is_set():
                one.task.cancel()
        await asyncio.gather(*(one.task for one in begun), return_exceptions=True)


def _waiting(work: Work[Any]) -> _Begun:
    due = asyncio.Event()
    return _Begun(asyncio.create_task(_done(work, due)), due)


async def _done(work: Work[T], due: asyncio.Event) -> tuple[T, Counter[str]]:
    """What the work results in, and what was counted meanwhile, for whoever asks for it."""
    await due.wait()
    with counted() as counts:
        return await work(), counts
