"""The ledger's database: how it is opened, its tables, and what its errors mean.

One row of `calls` is one paid call and carries what it cost; `sittings` holds the active time of each process. The
version of the tables stands in `user_version` and changes in the transaction that changes them.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from limner.errors import CorruptSession, LimnerError, SessionBusy, SessionError, StorageError

BUSY_S = 60.0
"""How long one process waits for another's transaction; they last milliseconds."""

_FIRST = """
CREATE TABLE calls (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    key           TEXT NOT NULL,                -- SHA-256 of kind, model, request and occurrence
    state         TEXT NOT NULL CHECK (state IN ('reserved', 'recorded', 'unknown')),
    kind          TEXT NOT NULL,                -- picture, edit, run, path, preview, score, answer, chat
    model         TEXT NOT NULL,                -- identity
    local         INTEGER NOT NULL,             -- 1: a lost call cost nothing
    role          TEXT NOT NULL,                -- first part of the position
    position      TEXT NOT NULL,
    request       TEXT NOT NULL,                -- JSON, or a reference to a blob
    result        TEXT,                         -- JSON, or a reference to a blob
    blob          TEXT,                         -- SHA-256 of the bytes that belong to the result
    checksum      TEXT,                         -- over what a recorded row says
    pictures      INTEGER NOT NULL DEFAULT 0,
    model_calls   INTEGER NOT NULL DEFAULT 0,
    tokens        INTEGER NOT NULL DEFAULT 0,
    money         INTEGER NOT NULL DEFAULT 0,   -- 1e-12 USD
    scores        INTEGER NOT NULL DEFAULT 0,
    unknown_price INTEGER NOT NULL DEFAULT 0,
    unknown_usage INTEGER NOT NULL DEFAULT 0,   -- 1: tokens are what was reserved, the endpoint did not say
    seconds       REAL NOT NULL DEFAULT 0,      -- its share of the batch's wall time
    owner         TEXT NOT NULL,                -- host, process and ledger that asked
    lease_until   REAL NOT NULL,                -- Unix time; decides only where the owner cannot be looked at
    asked_at      TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
CREATE UNIQUE INDEX calls_once ON calls (key) WHERE state <> 'unknown';
CREATE INDEX calls_open ON calls (owner) WHERE state = 'reserved';
CREATE INDEX calls_by_blob ON calls (blob) WHERE blob IS NOT NULL;
CREATE INDEX calls_cost ON calls
    (state, role, pictures, model_calls, tokens, money, scores, unknown_price, seconds);
CREATE TABLE sittings (
    id        INTEGER PRIMARY KEY,
    owner     TEXT NOT NULL,
    opened_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    seconds   REAL NOT NULL DEFAULT 0
);
"""

MIGRATIONS: tuple[str, ...] = (_FIRST,)
"""Scripts in order; a database at version n has had the first n."""


def connect(path: Path, *, replay: bool) -> sqlite3.Connection:
    """Open a ledger's database, made and brought up to date first unless it is only replayed.

    Raises:
        LimnerError: see `guarded`; SessionError for one that a newer Limner wrote.
    """
    with guarded(path):
        where = f"{path.absolute().as_uri()}?mode={'ro' if replay else 'rwc'}"
        db = sqlite3.connect(where, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            if not replay:
                _enter_wal(db)
                _migrate(db)
            _check_version(db, path)
        except BaseException:
            db.close()
            raise
        return db


@contextmanager
def guarded(path: Path) -> Iterator[None]:
    """Turn errors of the disk and of SQLite into our own.

    Raises:
        StorageError: full, read-only, not permitted. SessionBusy: locked too long. CorruptSession: no database.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"the disk refused to store in {path.parent} ({error}); free some space or check its permissions, then "
            "resume: what was recorded before is kept"
        ) from error
    except sqlite3.DatabaseError as error:
        raise _translated(error, path) from error


def _translated(error: sqlite3.DatabaseError, path: Path) -> LimnerError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte is the kind, the rest its variant
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return SessionBusy(f"another process has kept {path} locked for {BUSY_S:.0f} s ({error}); end it, then resume")
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
        return StorageError(
            f"the disk refused to store in {path} ({error}); free some space or check its permissions, then resume: "
            "what was recorded before is kept"
        )
    return CorruptSession(
        f"the ledger {path} does not read as a database ({error}); restore it from a copy or start a new session"
    )


def _enter_wal(db: sqlite3.Connection) -> None:
    """Switch to write-ahead logging. SQLite does not wait for others here, so we do."""
    give_up = time.monotonic() + BUSY_S
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(0.02)


def _migrate(db: sqlite3.Connection) -> None:
    """Apply what is missing, each script in one transaction with its record."""
    while _version(db) < len(MIGRATIONS):
        db.execute("BEGIN IMMEDIATE")
        try:
            version = _version(db)  # another process may have been first
            if version < len(MIGRATIONS):
                for statement in MIGRATIONS[version].split(";\n"):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {version + 1}")
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise


def _check_version(db: sqlite3.Connection, path: Path) -> None:
    version = _version(db)
    if version != len(MIGRATIONS):
        raise SessionError(
            f"the ledger {path} has tables of version {version} and this Limner reads version {len(MIGRATIONS)}; "
            + ("open it once without replay" if version < len(MIGRATIONS) else "update Limner")
        )


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])
