"""A session's trace on disk: `trace.jsonl` with ended spans, and beside it a journal of those that have begun.

Viewers expect ended spans alone in the first, so what a killed process left open must stand elsewhere: the journal
`trace.open.jsonl` has a line per span begun. The next process writes those that never ended into the trace as
unfinished and starts the journal anew. Each line is one write, so a kill tears at most the last line, which is dropped.
"""

from __future__ import annotations

import errno
import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock, Timeout

from limner.errors import CorruptSession, SessionBusy, StorageError
from limner.tracing.otlp import attributes, line

ERROR = 2  # OTLP's status code

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class TraceFile:
    """The one writer of a session's trace."""

    def __init__(self, path: Path, resource: Mapping[str, Any]) -> None:
        self._path = path
        self._journal_path = path.with_suffix(".open.jsonl")
        self._around = _JSON.encode(line(resource, {})).split("{}")
        self._lock = threading.Lock()
        self._open_spans: set[str] = set()
        self.last_root: str | None = None
        self._process_lock = FileLock(path.with_suffix(".lock"), timeout=0, thread_local=False)
        self._acquire()
        try:
            self._open()
        except BaseException:
            self._process_lock.release()
            raise

    def begin(self, span: Mapping[str, Any]) -> None:
        """Note in the journal that a span has begun."""
        with self._lock:
            if not span["parentSpanId"]:
                self.last_root = span["spanId"]
            self._open_spans.add(span["spanId"])
            self._write(self._journal, _JSON.encode(span))

    def end(self, span: Mapping[str, Any]) -> None:
        """Append an ended span to the trace."""
        with self._lock:
            self._write(self._trace, self._line(span))
            self._open_spans.discard(span["spanId"])

    def close(self) -> None:
        """Close both files; the journal goes unless spans are open still."""
        with self._lock:
            if self._trace.closed:
                return
            self._trace.close()
            self._journal.close()
            if not self._open_spans:
                self._journal_path.unlink(missing_ok=True)
            self._process_lock.release()

    def _acquire(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._process_lock.acquire()
        except Timeout:
            raise SessionBusy(
                f"another process is writing to {self._path}: wait for it to end, or give this run another session"
            ) from None
        except OSError as error:
            raise StorageError(f"{self._path.parent} cannot be written: {error}. Choose another folder.") from error

    def _open(self) -> None:
        try:
            _drop_torn_line(self._path)
            _drop_torn_line(self._journal_path)
            ended = [span for entry in _read(self._path) for span in _spans(entry)]
            ids = {span["spanId"] for span in ended}
            lost = [span for span in _read(self._journal_path) if span["spanId"] not in ids]
            # Unbuffered: a line is one write to the system, where it survives a kill of this process.
            self._trace: BinaryIO = open(self._path, "ab", buffering=0)  # noqa: SIM115
            last_sign = max((int(span["endTimeUnixNano"]) for span in ended), default=0)
            for span in lost:
                self._write(self._trace, self._line(_unfinished(span, last_sign)))
            self._journal: BinaryIO = open(self._journal_path, "wb", buffering=0)  # noqa: SIM115
        except OSError as error:
            raise StorageError(f"{self._path} cannot be opened: {error}. Free it or choose another folder.") from error
        roots = [span for span in (*ended, *lost) if not span["parentSpanId"]]
        self.last_root = max(roots, key=_start)["spanId"] if roots else None

    def _line(self, span: Mapping[str, Any]) -> str:
        """A span's line of the trace, of which all but the span is the same in every one."""
        return _JSON.encode(span).join(self._around)

    def _write(self, file: BinaryIO, entry: str) -> None:
        data = entry.encode("utf-8", "backslashreplace") + b"\n"
        try:
            written = file.write(data)
            if written != len(data):  # a disk that fills up takes a part
                raise OSError(errno.ENOSPC, "no space left for the rest of a line")
        except OSError as error:
            raise StorageError(
                f"{file.name} cannot be written: {error}. Free some space and resume: what was recorded is kept."
            ) from error


def _start(span: Mapping[str, Any]) -> int:
    return int(span["startTimeUnixNano"])


def _unfinished(span: dict[str, Any], last_sign: int) -> dict[str, Any]:
    """End a span that its process did not: at the last sign of life, as an error that says so."""
    said = {"error.type": "unfinished", "limner.unfinished": True}
    return {
        **span,
        "endTimeUnixNano": str(max(_start(span), last_sign)),
        "attributes": [*span["attributes"], *attributes(said)],
        "status": {"code": ERROR, "message": "the process ended before this span did"},
    }


def _drop_torn_line(path: Path) -> None:
    """Cut off a last line without its end: a kill or a full disk tore it."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        data = file.read()
        if data and not data.endswith(b"\n"):
            file.truncate(data.rfind(b"\n") + 1)


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    entries = []
    with path.open("rb") as file:
        for number, text in enumerate(file, 1):
            try:
                entries.append(json.loads(text))
            except ValueError as error:
                raise CorruptSession(
                    f"{path}, line {number} is not JSON ({error}): remove that line, or the file, and resume"
                ) from error
    return entries


def _spans(entry: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for resource in entry["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            yield from scope["spans"]
