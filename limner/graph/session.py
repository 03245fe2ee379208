"""A session's directory: one directory, one writer, everything that a run needs to be resumed, replayed and shown.

    runs/<session>/  session.json  ledger.sqlite  blobs/  checkpoints.sqlite  trace.jsonl  result.json  report.html

session.json holds the settings, queries and model identities with which the session began. The lock is the operating
system's own, so it ends with its process however that process ends.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from filelock import FileLock, Timeout

from limner.errors import CorruptSession, SessionBusy, SessionError, SessionMismatch, StorageError
from limner.settings import differences

RECORD = "session.json"


@dataclass(frozen=True)
class Session:
    """An open session: its id, its directory and the lock that keeps others out. Close it, or use it as a context."""

    id: str
    folder: Path
    lock: FileLock

    @classmethod
    def create(cls, out: Path, name: str | None = None) -> Self:
        """Make a new session's directory under `out`.

        Raises:
            SessionError: the name is taken, or no name of a directory.
            StorageError: the directory cannot be made.
        """
        name = name or f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        if Path(name).name != name or name == ".." or not name.isprintable():
            raise SessionError(f"{name!r} cannot name a session: it names a directory in {out}. Take a plain name.")
        folder = out / name
        try:
            folder.mkdir(parents=True)
        except FileExistsError as error:
            raise SessionError(f"The session {folder} exists already; resume it or choose another name.") from error
        except OSError as error:
            raise StorageError(f"The directory {folder} cannot be made: {error}. Choose another with --out.") from error
        return cls(name, folder, _locked(folder))

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open a session that exists.

        Raises:
            SessionError: there is none.
            SessionBusy: another process has it open.
        """
        if not (folder / RECORD).is_file():
            raise SessionError(f"There is no session in {folder} ({RECORD} is missing). Sessions stand under --out.")
        return cls(folder.resolve().name, folder, _locked(folder))

    def begin(self, record: dict[str, Any]) -> None:
        """Store what the session began with."""
        write_json(self.folder / RECORD, record)

    def record(self) -> dict[str, Any]:
        """What the session began with.

        Raises:
            CorruptSession: it does not read back.
        """
        path = self.folder / RECORD
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CorruptSession(f"{path} does not read back: {error}. Begin a new session.") from error
        if not isinstance(record, dict):
            raise CorruptSession(f"{path} holds {type(record).__name__}, not an object. Begin a new session.")
        return record

    def check(self, current: dict[str, Any]) -> None:
        """Refuse to go on with other settings, queries or models than the session began with.

        Raises:
            SessionMismatch: saying what differs.
        """
        stored = self.record()
        lines = differences(stored, {**json.loads(json.dumps(current)), "created": stored.get("created")})
        if lines:
            raise SessionMismatch(
                f"Session {self.id} began otherwise: {'; '.join(lines)}. Resume it as it began, or begin a new one."
            )

    def close(self) -> None:
        """Let others in."""
        self.lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def write_json(path: Path, value: object) -> None:
    """Write a JSON file whole or not at all.

    Raises:
        StorageError: the disk refused.
    """
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error}. Free space on that disk and resume.") from error


def _locked(folder: Path) -> FileLock:
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise SessionBusy(
            f"Another process is working on the session {folder}. Wait for it to end, or begin a new session."
        ) from error
    return lock
