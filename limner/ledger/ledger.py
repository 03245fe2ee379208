"""The ledger: the one door for paid calls of a session.

A folder with `ledger.sqlite` (what was asked, answered and paid) and `blobs/` (pictures and long texts). From the one
mechanism, a result is recorded before it is used and never paid twice, follow exact resume after a kill, replay with
zero calls, and cost per agent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from limner.errors import MissingBlob, SessionError
from limner.ledger.blobs import Blobs
from limner.ledger.budget import Budget, Charge, exceeded, to_pico, to_usd, total
from limner.ledger.door import Door
from limner.ledger.schema import guarded
from limner.ledger.store import Store, Total
from limner.ledger.together import Together
from limner.types import Picture, Spend

if TYPE_CHECKING:
    from limner.tracing.spans import Spans

_NO_LIMITS = Budget()


class Ledger:
    """What a session has asked, been answered and paid. Use `Ledger.open`; safe to share between threads."""

    def __init__(
        self,
        folder: Path,
        budget: Budget,
        store: Store,
        blobs: Blobs,
        spans: Spans,
        clock: Callable[[], float],
        *,
        replay: bool,
    ) -> None:
        """Put the parts together; see `open`."""
        self._budget = budget
        self._store = store
        self._blobs = blobs
        self._clock = clock
        self._opened = clock()
        self._replay = replay
        self._closed = False
        self.spans = spans
        self.door = Door(folder, store, blobs, budget, self._active, replay=replay)
        self.turns = Together(self.door)

    @classmethod
    def open(
        cls,
        folder: Path,
        budget: Budget = _NO_LIMITS,
        *,
        spans: Spans | None = None,
        replay: bool = False,
        clock: Callable[[], float] = time.monotonic,
        refuse_warm: bool = False,
    ) -> Self:
        """Open or begin the ledger in a folder.

        Args:
            folder: holds `ledger.sqlite` and `blobs/`; made when missing.
            budget: limits for the whole session, over all its processes; may be raised when resuming.
            spans: where calls are traced; nowhere if left out.
            replay: answer from the record alone and change nothing; any other call raises `ReplayMiss`.
            clock: seconds that only go up.
            refuse_warm: insist on an empty ledger, as a benchmark must.

        Raises:
            SessionError: nothing to replay, a ledger of a newer version, or records where none may be.
            StorageError: the folder cannot be written.
            CorruptSession: the file is no ledger.
        """
        from limner.tracing.spans import Spans

        path, blobs = folder / "ledger.sqlite", Blobs(folder / "blobs")
        if replay and not path.exists():
            raise SessionError(f"there is nothing to replay: {path} does not exist; name a session that was run")
        if not replay:
            with guarded(path):
                blobs.prepare()
        store = Store(path, replay=replay)
        ledger = cls(folder, budget, store, blobs, spans or Spans.silent(), clock, replay=replay)
        held = sum(one.calls for one in store.totals())
        if refuse_warm and held:
            ledger.close()
            raise SessionError(f"{path} already holds {held} calls and a cold ledger is needed; name an empty folder")
        return ledger

    @property
    def budget(self) -> Budget:
        """The limits of the session."""
        return self._budget

    def spend(self) -> Spend:
        """What the session has paid so far; seconds are active wall time over all its processes."""
        return _spend(self._paid(), self._seconds())

    def spend_by_role(self) -> dict[str, Spend]:
        """What each role (first part of the position) has paid; seconds are the wall time of its calls."""
        paid = self._paid()
        roles = sorted({one.role for one in paid})
        by_role = {role: [one for one in paid if one.role == role] for role in roles}
        return {role: _spend(totals, sum(one.seconds for one in totals)) for role, totals in by_role.items()}

    def short_of(self, pictures: int = 0, model_calls: int = 0, tokens: int = 0, money_usd: float = 0.0) -> str | None:
        """The first resource that this would exceed on top of all that is paid or under way; None if it fits."""
        limit = self._budget.seconds
        if limit is not None and self._seconds() >= limit:
            return "seconds"
        need = Charge(pictures=pictures, model_calls=model_calls, tokens=tokens, money=to_pico(money_usd))
        return exceeded(self._budget, total(one.charge for one in self._store.totals()), need)

    def seconds_left(self) -> float | None:
        """Seconds until no call starts any more, 0 when over; None without such a limit."""
        limit = self._budget.seconds
        return None if limit is None else max(0.0, limit - self._seconds())

    def picture(self, sha256: str) -> Picture:
        """The recorded picture, or preview of one, with these stored bytes.

        Raises:
            MissingBlob: it was never recorded, or its file is gone or has changed.
            CorruptSession: its row does not read back.
        """
        row = self._store.picture(sha256)
        if row is None:
            raise MissingBlob(f"no picture {sha256} is recorded in this ledger; open the session that drew it")
        picture = self.door.read(row)
        assert isinstance(picture, Picture)
        return picture

    def pictures(self) -> list[Picture]:
        """Every recorded picture, in the order asked; two recipes may have given the same bytes.

        Raises:
            MissingBlob: the file of one is gone or has changed.
            CorruptSession: the row of one does not read back.
        """
        return [picture for row in self._store.pictures() if isinstance(picture := self.door.read(row), Picture)]

    def close(self) -> None:
        """Note the active time and close the files. Closing again does nothing."""
        if not self._closed:
            self._closed = True
            self.turns.close()
            self._blobs.close()
            self._store.close(None if self._replay else self._active())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _active(self) -> float:
        return self._clock() - self._opened

    def _seconds(self) -> float:
        """Active time of the session. A replay is not part of it."""
        return self._store.earlier_seconds() + (0.0 if self._replay else self._active())

    def _paid(self) -> list[Total]:
        return [one for one in self._store.totals() if one.state != "reserved"]


def _spend(totals: Iterable[Total], seconds: float) -> Spend:
    totals = list(totals)
    charge = total(one.charge for one in totals)
    return Spend(
        pictures=charge.pictures,
        model_calls=charge.model_calls,
        tokens=charge.tokens,
        money_usd=to_usd(charge.money),
        seconds=seconds,
        scores=charge.scores,
        unknown_price=charge.unknown_price,
        unknown_outcome=sum(one.calls for one in totals if one.state == "unknown"),
    )
