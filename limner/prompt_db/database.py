"""The prompt database: professional prompts in one SQLite file (WAL), searched by their words.

Each prompt is named by the hash of its content and stored once. It answers one question for the search of instructions:
which professional prompts were written for a request like this one. One object may be used from several threads.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Self

from limner.errors import StorageError, UsageError
from limner.prompt_db.importing import ImportReport, Rejected, read_jsonl
from limner.prompt_db.records import PromptRecord, canonical, query_key
from limner.prompt_db.schema import migrate, transaction
from limner.prompt_db.words import content_words, least_shared, match_all, match_any, words
from limner.types import Prompt, Query

_FIELDS = tuple(PromptRecord.model_fields)
_JSON_FIELDS = ("loras", "extra")
_COLUMNS = ("id", "query_key", *_FIELDS)
_INSERT = (
    f"INSERT INTO prompt ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))}) ON CONFLICT (id) DO NOTHING"
)
_SELECT = f"SELECT {', '.join(f'prompt.{field}' for field in _FIELDS)} FROM prompt"
_CANDIDATES_PER_RESULT = 20
_MOST_CANDIDATES = 10_000
"""Nearest prompts by BM25 among which the share of present words is looked at; SQLite takes 32,766 at most."""
_PATIENCE_SECONDS = 10.0
"""How long a writer waits for another process."""
_NOT_A_DATABASE = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)


@dataclass(frozen=True, slots=True)
class Counts:
    """How much is stored: prompts, distinct queries that they answer, prompts per source and per licence."""

    prompts: int
    queries: int
    sources: dict[str | None, int]
    licenses: dict[str | None, int]


class PromptDatabase:
    """Open one with `open` or `memory`; close it, or use it as a context manager."""

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        """Wrap an open connection in autocommit mode whose schema is up to date; `path` names it in errors."""
        self._connection = connection
        self._path = path
        self._lock = threading.RLock()

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """Open a database file, made if it is not there.

        Raises:
            UsageError: the file is no prompt database, or a newer Limner's.
            StorageError: the file cannot be opened or written.
        """
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"cannot make the folder of {path}: {error.strerror}; give another path") from error
        with _boundary(str(path)):
            return cls._connect(str(path))

    @classmethod
    def memory(cls, paths: Iterable[Path | str] = ()) -> Self:
        """A database that lives with its process, filled from JSON Lines files in which every line must be good.

        Raises:
            UsageError: a file cannot be read, or a line holds no usable prompt.
        """
        database = cls._connect(":memory:")
        for path in paths:
            if rejected := database.import_jsonl(path).rejected:
                line, reason = rejected[0]
                raise UsageError(f"line {line} of {path} is no prompt ({reason}); mend it or leave it out")
        return database

    @classmethod
    def _connect(cls, path: str) -> Self:
        connection = sqlite3.connect(path, timeout=_PATIENCE_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            migrate(connection, path)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")  # a power cut may lose the last import, never the file
        except BaseException:
            connection.close()
            raise
        return cls(connection, path)

    def add(self, prompts: Iterable[PromptRecord]) -> int:
        """Store prompts, all or none; return how many were not there before."""
        with self._ready() as connection, transaction(connection):
            return connection.executemany(_INSERT, map(_row, prompts)).rowcount

    def import_jsonl(self, path: Path | str) -> ImportReport:
        """Store the good lines of a file in one transaction; see `limner.prompt_db.importing`."""
        good: list[PromptRecord] = []
        rejected: list[Rejected] = []
        for item in read_jsonl(Path(path)):
            if isinstance(item, Rejected):
                rejected.append(item)
            else:
                good.append(item)
        added = self.add(good)
        return ImportReport(Path(path), added, len(good) - added, tuple(rejected))

    def search(self, text: str, limit: int = 20) -> list[PromptRecord]:
        """Prompts that hold every word of the text, here or in the query they answer, the nearest (BM25) first."""
        found = words(text)
        if not found:
            return []
        nearest = "JOIN prompt_fts ON prompt_fts.rowid = number WHERE prompt_fts MATCH ? ORDER BY rank, number LIMIT ?"
        return self._records(f"{_SELECT} {nearest}", (match_all(found), _checked(limit)))

    def professional_for(self, query: Query, limit: int = 5) -> list[Prompt]:
        """Distinct professional prompts for a request, at most `limit`.

        First come those stored as answers to this very text (case and spacing apart), in the order of their import;
        then those nearest by words among prompts that hold enough of its content words (`words.LEAST_SHARE`).
        """
        exact = self._records(f"{_SELECT} WHERE query_key = ? ORDER BY number", (query_key(query.text),))
        candidates = min(_CANDIDATES_PER_RESULT * _checked(limit), _MOST_CANDIDATES)
        return _distinct(chain(exact, self._nearest(query.text, candidates)), limit)

    def counts(self) -> Counts:
        """How much is stored."""
        with self._ready() as connection:
            prompts, queries = connection.execute("SELECT count(*), count(DISTINCT query_key) FROM prompt").fetchone()
            by = "SELECT {0}, count(*) FROM prompt GROUP BY {0} ORDER BY count(*) DESC, {0}"
            sources, licenses = (dict(connection.execute(by.format(column))) for column in ("source", "license"))
            return Counts(prompts, queries, sources, licenses)

    def close(self) -> None:
        """Let go of the file; a closed database may be closed again."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _nearest(self, text: str, candidates: int) -> Iterator[PromptRecord]:
        """Prompts that hold enough of the content words, those with most first, then by BM25; fetched one by one."""
        wanted = content_words(text)
        if not wanted:
            return
        shared = self._shared_words(wanted, candidates)
        enough = [number for number, count in shared.items() if count >= least_shared(len(wanted))]
        for number in sorted(enough, key=lambda number: -shared[number]):
            yield from self._records(f"{_SELECT} WHERE number = ?", (number,))

    def _shared_words(self, wanted: list[str], candidates: int) -> dict[int, int]:
        """How many of the words each candidate holds; candidates in the order of BM25."""
        near = "SELECT rowid FROM prompt_fts WHERE prompt_fts MATCH ? ORDER BY rank, rowid LIMIT ?"
        with self._ready() as connection:
            numbers = [number for (number,) in connection.execute(near, (match_any(wanted), candidates))]
            shared = dict.fromkeys(numbers, 0)
            among = ", ".join("?" * len(numbers))
            # The plus makes SQLite walk the word's rows once; else it seeks each candidate (60 times longer).
            holding = f"SELECT rowid FROM prompt_fts WHERE prompt_fts MATCH ? AND +rowid IN ({among})"
            for word in wanted:
                for (number,) in connection.execute(holding, (match_all([word]), *numbers)):
                    shared[number] += 1
        return shared

    def _records(self, sql: str, parameters: Sequence[object]) -> list[PromptRecord]:
        with self._ready() as connection:
            return [_record(row) for row in connection.execute(sql, parameters)]

    @contextmanager
    def _ready(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _boundary(self._path):
            yield self._connection


@contextmanager
def _boundary(path: str) -> Iterator[None]:
    """Say what SQLite refused in our own terms."""
    try:
        yield
    except sqlite3.OperationalError as error:
        message = (
            f"the prompt database {path} cannot be used: {error}; check free space, permissions and other processes"
        )
        raise StorageError(message) from error
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", None) in _NOT_A_DATABASE:
            raise UsageError(f"{path} is not a prompt database, or is damaged ({error}); give another path") from error
        raise


def _row(record: PromptRecord) -> tuple[object, ...]:
    values = record.model_dump(mode="json")
    values.update({field: canonical(values[field]) for field in _JSON_FIELDS})
    return (record.id, record.query_key, *(values[field] for field in _FIELDS))


def _record(row: Sequence[object]) -> PromptRecord:
    values = dict(zip(_FIELDS, row, strict=True))
    values.update({field: json.loads(str(values[field])) for field in _JSON_FIELDS})
    return PromptRecord.model_validate(values)


def _distinct(records: Iterable[PromptRecord], limit: int) -> list[Prompt]:
    """The first `limit` different prompts; no more records are taken than that needs."""
    found: dict[Prompt, None] = {}
    for record in records:
        found[record.as_prompt()] = None
        if len(found) == limit:
            break
    return list(found)


def _checked(limit: int) -> int:
    if limit < 1:
        raise ValueError(f"cannot look for {limit} prompts; the limit must be 1 or more")
    return limit
