"""How a node is registered: with a sync and an async form, so that every way of running a graph works.

`invoke` runs the sync form, `ainvoke` and `astream` the async one. An agent's coroutine is driven from sync code on a
loop of its own, in a thread of its own where one is running already (a notebook); drawing goes to a thread in async
code. A spent budget is an outcome, not a crash: any node then says which resource ran out, and the run ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from langchain_core.runnables import RunnableLambda

from limner.errors import BudgetSpent
from limner.graph.driving import run

Update = dict[str, Any]


def from_sync(
    function: Callable[[Any], Update],
    name: str,
    *,
    always: bool = False,
    beside: Callable[[Any], None] | None = None,
) -> RunnableLambda[Any, Update]:
    """A node from a plain function, which async runs put in a thread; `always`: also when the budget is spent.

    `beside` begins what is to be done on the event loop meanwhile: async runs call it first, others have no such loop.
    """

    def called(state: Any) -> Update:
        if always:
            return function(state)
        if _over(state):
            return {}
        try:
            return function(state)
        except BudgetSpent as spent:
            return {"spent": spent.resource}

    async def in_thread(state: Any) -> Update:
        if beside is not None and not _over(state):
            beside(state)
        work = asyncio.ensure_future(asyncio.to_thread(called, state))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.wait([work])  # a thread cannot be stopped: let the batch at hand be recorded
            raise

    return RunnableLambda(called, afunc=in_thread, name=name)


def from_async(function: Callable[[Any], Coroutine[Any, Any, Update]], name: str) -> RunnableLambda[Any, Update]:
    """A node from a coroutine function, which sync runs drive to its end."""

    async def awaited(state: Any) -> Update:
        if _over(state):
            return {}
        try:
            return await function(state)
        except BudgetSpent as spent:
            return {"spent": spent.resource}

    def driven(state: Any) -> Update:
        return run(lambda: awaited(state))

    return RunnableLambda(driven, afunc=awaited, name=name)


def _over(state: Any) -> bool:
    return bool(state.get("spent"))
