"""What is stored, as migrations applied in order, each in one transaction together with its record.

Rows of `prompt` never change: their id is the hash of their content. `prompt_fts` indexes their words and those of the
request they answer (not the negative prompt: it names what is not wanted), stemmed, without accents. A migration that
was released is never edited; a new one is added. Only SQL of SQLite 3.40, no loadable extension.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from limner.errors import UsageError

APPLICATION_ID = 0x4C696D6E
""" "Limn" in SQLite's header: tells a prompt database from any other SQLite file."""


class Migration(NamedTuple):
    """A named step of the schema."""

    name: str
    statements: tuple[str, ...]


MIGRATIONS = (
    Migration(
        "001-prompts",
        (
            f"PRAGMA application_id = {APPLICATION_ID}",
            """
            CREATE TABLE prompt (
                number INTEGER PRIMARY KEY,
                id TEXT NOT NULL UNIQUE,
                prompt TEXT NOT NULL,
                negative_prompt TEXT NOT NULL,
                query TEXT,
                query_key TEXT,
                seed INTEGER,
                steps INTEGER,
                cfg_scale REAL,
                sampler TEXT,
                scheduler TEXT,
                width INTEGER,
                height INTEGER,
                model TEXT,
                model_hash TEXT,
                loras TEXT NOT NULL,
                nsfw_prompt REAL,
                nsfw_image REAL,
                source TEXT,
                source_url TEXT,
                author TEXT,
                license TEXT,
                created_at TEXT,
                extra TEXT NOT NULL
            ) STRICT
            """,
            "CREATE INDEX prompt_by_query ON prompt (query_key) WHERE query_key IS NOT NULL",
            """
            CREATE VIRTUAL TABLE prompt_fts USING fts5(
                prompt, query,
                content = 'prompt', content_rowid = 'number',
                tokenize = 'porter unicode61 remove_diacritics 2'
            )
            """,
            """
            CREATE TRIGGER prompt_added AFTER INSERT ON prompt BEGIN
                INSERT INTO prompt_fts (rowid, prompt, query) VALUES (new.number, new.prompt, new.query);
            END
            """,
        ),
    ),
)


def migrate(connection: sqlite3.Connection, path: str) -> None:
    """Bring a new or older database up to date; one that is up to date is not written to.

    Raises:
        UsageError: the file belongs to another program, or to a newer Limner.
    """
    applied = _applied(connection, path)
    for migration in MIGRATIONS[len(applied) :]:
        with transaction(connection):
            if migration.name in _applied(connection, path):
                continue  # another process was faster
            connection.execute("CREATE TABLE IF NOT EXISTS migration (name TEXT PRIMARY KEY, applied_at TEXT) STRICT")
            for statement in migration.statements:
                connection.execute(statement)
            connection.execute("INSERT INTO migration VALUES (?, datetime('now'))", (migration.name,))


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; takes the write lock at once, so that it waits for other writers rather than failing later."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:  # a full disk has rolled back already
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _applied(connection: sqlite3.Connection, path: str) -> list[str]:
    """Names of the applied migrations, which must be the first of ours."""
    if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        return []
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise UsageError(f"{path} is a SQLite file of another program; give the path of a prompt database or a new one")
    names = [name for (name,) in connection.execute("SELECT name FROM migration ORDER BY name")]
    if names != [migration.name for migration in MIGRATIONS[: len(names)]]:
        raise UsageError(
            f"{path} has migrations that this Limner does not know ({names[-1]}); update Limner to open it"
        )
    return names
