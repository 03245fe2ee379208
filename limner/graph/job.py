"""One job of drawing or editing: a session of its own, through the ledger, and its pictures as files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal

from limner import pictures
from limner.graph.session import Session
from limner.graph.wiring import budget, set_threads
from limner.ledger import Ledger
from limner.settings import Settings
from limner.tracing.spans import Spans
from limner.types import Failure, Picture


@dataclass(frozen=True, slots=True)
class Drawn:
    """What came of a job: the session, every picture or failure in order, and the files written."""

    session: str
    items: tuple[Picture | Failure, ...]
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Job:
    """A job under way: its session with the directory, the ledger, and the id of the span around it."""

    session: str
    folder: Path
    ledger: Ledger
    span: str | None

    def save(
        self,
        items: Sequence[Picture | Failure],
        *,
        metadata: bool,
        query: str | None = None,
        original: str | None = None,
    ) -> list[Path]:
        """Write each picture under the number of its place; see `pictures.save`.

        Raises:
            StorageError: the disk refused.
        """
        save = partial(pictures.save, query=query, session=self.session, span=self.span, original=original)
        return [
            save(item, self.folder / f"{place:04d}.png", metadata=metadata)
            for place, item in enumerate(items, 1)
            if isinstance(item, Picture)
        ]


@contextmanager
def job(settings: Settings, kind: Literal["draw", "edit"]) -> Iterator[Job]:
    """Open a session for one job.

    Raises:
        UsageError: a budget that is none.
        StorageError: the session's directory cannot be made.
    """
    limits = budget(settings.budget)
    set_threads(settings.torch_threads)
    with (
        Session.create(settings.out, f"{kind}-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}") as session,
        Spans.open(session.folder / "trace.jsonl", session.id) as spans,
        Ledger.open(session.folder, limits, spans=spans) as ledger,
    ):
        session.begin({"session": session.id, "settings": settings.model_dump(mode="json", exclude={"out"})})
        with spans.workflow(kind) as span:
            yield Job(session.id, session.folder, ledger, span.id)
