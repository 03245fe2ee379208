"""A session's checkpoints: where its graph goes on after a stop.

Only the newest is kept (LangGraph keeps all, which grows with the square of a run's length), nothing but plain data is
rebuilt from the file, and the file may be deleted: the ledger then answers every call that was made before.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import aiosqlite
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from limner.errors import CorruptSession, LimnerError, StorageError

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import CheckpointTuple

CHECKPOINTS = "checkpoints.sqlite"
_FORGETTING = """
CREATE TRIGGER IF NOT EXISTS forgetting AFTER INSERT ON checkpoints WHEN NEW.parent_checkpoint_id IS NOT NULL
BEGIN
    DELETE FROM checkpoints WHERE thread_id = NEW.thread_id AND checkpoint_ns = NEW.checkpoint_ns
        AND checkpoint_id < NEW.parent_checkpoint_id;
    DELETE FROM writes WHERE thread_id = NEW.thread_id AND checkpoint_ns = NEW.checkpoint_ns
        AND checkpoint_id < NEW.parent_checkpoint_id;
END;
"""
"""A new checkpoint takes away those before its parent, which stays until the new one is safe. The database does it by
itself, since each statement of ours would be two more ways between the event loop and the saver's thread."""
_REFUSED = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)


@asynccontextmanager
async def checkpoints(folder: Path) -> AsyncIterator[AsyncSqliteSaver]:
    """Open the checkpoints of the session in a folder.

    Raises:
        CorruptSession: they do not read back.
        StorageError: the disk refused.
    """
    path = folder / CHECKPOINTS
    try:
        async with aiosqlite.connect(path) as connection:
            # Outlives the process, not a power cut, which takes the newest alone: the ledger answers what follows.
            await connection.execute("PRAGMA synchronous = NORMAL")
            saver = _Newest(connection, serde=JsonPlusSerializer(allowed_msgpack_modules=None))
            await saver.setup()
            await connection.executescript(_FORGETTING)
            yield saver
    except sqlite3.DatabaseError as error:
        raise _translated(error, path) from error
    except _Unreadable as error:
        raise _corrupt(path, error) from error


class _Unreadable(Exception):
    """The database is sound, and what it holds is not."""


class _Newest(AsyncSqliteSaver):
    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        try:
            found = await super().aget_tuple(config)
        except (ValueError, KeyError, TypeError, NotImplementedError) as error:
            raise _Unreadable(repr(error)) from error
        if found is not None and not (isinstance(found.checkpoint, dict) and "channel_values" in found.checkpoint):
            raise _Unreadable("what is stored is no checkpoint")
        return found


def _translated(error: sqlite3.DatabaseError, path: Path) -> LimnerError:
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in _REFUSED:  # the low byte is the kind, the rest its variant
        return StorageError(
            f"The disk refused to store in {path}: {error}. Free some space or check its permissions, then resume: "
            "what was recorded before is kept."
        )
    return _corrupt(path, error)


def _corrupt(path: Path, error: Exception) -> CorruptSession:
    return CorruptSession(
        f"The checkpoints in {path} do not read back: {error}. Delete that file and resume: what was recorded is in "
        "the ledger and will not be paid again."
    )
