"""Checkpointers that say so when they are used the wrong way round: `invoke` on an asynchronous one, or the reverse.

LangGraph's own complaint comes from deep inside, and with some pairings the call simply never returns. Every run begins
by reading its checkpoint, so one look there is enough.
"""

from __future__ import annotations

import asyncio
import copy
from typing import TYPE_CHECKING, TypeVar

from langgraph.checkpoint.base import BaseCheckpointSaver

from limner.errors import UsageError

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import CheckpointTuple

Saver = TypeVar("Saver", bound=BaseCheckpointSaver[str])


def paired(saver: Saver) -> Saver:
    """The same checkpointer (connection and lock are shared) with clear errors for a wrong pairing."""
    twin = copy.copy(saver)
    kind = type(saver)
    twin.__class__ = type(kind.__name__, (_Paired, kind), {})
    return twin


class _Paired(BaseCheckpointSaver[str]):
    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        loop = getattr(self, "loop", None)
        if isinstance(loop, asyncio.AbstractEventLoop) and (not loop.is_running() or loop is _running()):
            raise UsageError(
                f"`invoke` and `stream` cannot use {type(self).__name__} from its own event loop, or after that has "
                "ended. Await `ainvoke` or `astream` there, or give `build_evolve` a SqliteSaver."
            )
        return super().get_tuple(config)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        try:
            return await super().aget_tuple(config)
        except NotImplementedError as error:
            raise UsageError(
                f"`ainvoke` and `astream` cannot use {type(self).__name__}, which has no asynchronous form. Use "
                "`invoke` or `stream`, or give `build_evolve` an AsyncSqliteSaver."
            ) from error


def _running() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
