"""The store: rows of calls in SQLite, and the transactions that make the budget exact.

A call is reserved (charged in advance, held by an owner), then recorded (result and final charge) or released. What a
dead process left reserved is released if it ran locally and else stays charged as of unknown outcome. One connection
behind a lock, because LangGraph runs nodes in threads; transactions are short and no model is called inside one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from limner.errors import BudgetSpent, CorruptSession, SessionBusy
from limner.ledger.budget import UNITS, Charge, total, units_of
from limner.ledger.keys import canonical, sha256
from limner.ledger.owner import Owner
from limner.ledger.schema import connect, guarded

LEASE_S = 900.0
"""How long a reservation is believed whose owner cannot be looked at: longer than any batch lasts."""

_SUMS = ", ".join(f"SUM({name})" for name in UNITS)
_PICTURES = "kind IN ('picture', 'edit', 'path') AND state = 'recorded'"
_VIEWED = "kind IN ('picture', 'edit', 'path', 'preview') AND state = 'recorded'"
_CALLED = ("key", "kind", "model", "local", "role", "position", "request")
_SAID = (*_CALLED, "result", "blob", *UNITS)
"""What a recorded row says, as its checksum is made of it."""
_RECORDED = ("result", "blob", "unknown_usage", "seconds", *UNITS, "checksum")
_RECORD = f"UPDATE calls SET state = 'recorded', {', '.join(f'{name} = ?' for name in _RECORDED)} WHERE id = ?"
_RESERVED = ("id", "state", *_CALLED, "owner", "lease_until", *UNITS)
_RESERVE = f"INSERT INTO calls ({', '.join(_RESERVED)}) VALUES ({', '.join('?' * len(_RESERVED))})"
_LAST_ID = "SELECT seq FROM sqlite_sequence WHERE name = 'calls'"


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it is asked for. `charge` is what it costs at most, as far as that can be said beforehand."""

    key: str
    kind: str
    model: str
    local: bool
    position: tuple[str, ...]
    role: str
    request: str
    charge: Charge


@dataclass(frozen=True, slots=True)
class Row:
    """A recorded call as it reads back."""

    key: str
    result: str


@dataclass(frozen=True, slots=True)
class Entry:
    """What a reservation turned into; `blob` is the hash of the bytes that belong to the result."""

    id: int
    key: str
    result: str
    blob: str | None
    charge: Charge
    unknown_usage: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class Claim:
    """What came of asking for calls: recorded ones, ids of those now reserved for us, or neither: ask again later."""

    recorded: dict[str, Row] = field(default_factory=dict)
    reserved: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Total:
    """Charges of one role and state, with the wall time of its calls."""

    state: str
    role: str
    charge: Charge
    seconds: float
    calls: int


@dataclass(slots=True)
class _Account:
    """What is paid and reserved while askers are served one after the other, and the session's active seconds.

    `last` is the newest call's id, `new` the calls that are reserved meanwhile, by theirs.
    """

    settled: Charge
    pending: Charge
    seconds: float
    last: int
    new: dict[int, Call] = field(default_factory=dict)

    def reserved(self, calls: Sequence[Call], need: Charge) -> dict[str, int]:
        """Reserve calls, by key."""
        ids = {call.key: self.last + place for place, call in enumerate(calls, start=1)}
        self.last += len(calls)
        self.pending += need
        self.new |= {ids[call.key]: call for call in calls}
        return ids


Fits = Callable[[Charge, Charge, Charge, float], bool]
"""Given what is settled, pending and needed and the session's seconds: True if it fits, False to wait for what is
pending; it raises BudgetSpent when waiting cannot help."""


class Store:
    """A ledger's rows."""

    def __init__(self, path: Path, *, replay: bool) -> None:
        """Open the database.

        Raises:
            LimnerError: see `limner.ledger.schema.connect`.
        """
        self._path = path
        self._owner = Owner.here()
        self._held: set[int] = set()
        self._lock = threading.RLock()
        self._db = connect(path, replay=replay)
        self._sitting = 0
        if not replay:
            with self._transaction(durable=False):
                self._reclaim()
                self._sitting = self._sit_down()

    def recorded(self, keys: Sequence[str]) -> dict[str, Row]:
        """The recorded ones among these calls.

        Raises:
            CorruptSession: a row does not read back.
        """
        with self._lock, guarded(self._path):
            return {key: self._row(key, row) for key, row in self._present(keys).items() if row["state"] == "recorded"}

    def reserve(self, calls: Sequence[Call], seconds: float, fits: Fits) -> Claim:
        """Reserve all calls that nobody has recorded or holds, or none of them; keys are distinct.

        Args:
            calls: what is to be called next.
            seconds: this process's active time.
            fits: decides by the budget, on the whole of what would be reserved; what it raises is passed on.
        """
        claim = self.reserve_each([calls], seconds, fits)[0]
        if isinstance(claim, BudgetSpent):
            raise claim
        return claim

    def reserve_each(self, asks: Sequence[Sequence[Call]], seconds: float, fits: Fits) -> list[Claim | BudgetSpent]:
        """Reserve for several askers in one transaction, one after the other as if each had come by itself.

        What one reserves the next one finds held, its charge included; one that does not fit takes nothing from the
        others. See `reserve`.
        """
        # A local call's reservation need not outlive a power cut, since it would be released then.
        durable = not all(call.local for calls in asks for call in calls)
        with self._transaction(durable=durable):
            self._reclaim()
            present = self._present([*{call.key: None for calls in asks for call in calls}])
            account = _Account(*self._charged(), self.earlier_seconds() + seconds, self._last_id())
            claims = [self._claim(calls, present, account, fits) for calls in asks]
            self._insert(account.new)
            self._tick(seconds)
        return claims

    def _claim(
        self, calls: Sequence[Call], present: dict[str, dict[str, Any]], account: _Account, fits: Fits
    ) -> Claim | BudgetSpent:
        found = {call.key: present[call.key] for call in calls if call.key in present}
        recorded = {key: self._row(key, row) for key, row in found.items() if row["state"] == "recorded"}
        missing = [call for call in calls if call.key not in present]
        need = total(call.charge for call in missing)
        try:
            if not missing or not fits(account.settled, account.pending, need, account.seconds):
                return Claim(recorded)
        except BudgetSpent as spent:
            return spent
        reserved = account.reserved(missing, need)
        present |= {key: {"state": "reserved"} for key in reserved}
        return Claim(recorded, reserved)

    def record(self, entries: Sequence[Entry], seconds: float) -> None:
        """Turn reservations into recorded calls, all or none; the blobs they name are on the disk already.

        Raises:
            SessionBusy: a reservation is no longer ours.
        """
        with self._transaction(durable=True):
            self._tick(seconds)
            if refused := self._update(entries):
                raise next(iter(refused.values()))
        self._held -= {entry.id for entry in entries}

    def record_each(self, entries: Sequence[Entry], seconds: float) -> dict[int, SessionBusy]:
        """Record several calls that have nothing to do with each other in one transaction.

        Returns:
            By its id, what went wrong with each reservation that is no longer ours; the others are recorded.
        """
        with self._transaction(durable=True):
            self._tick(seconds)
            refused = self._update(entries)
        self._held -= {entry.id for entry in entries}
        return refused

    def abandon(self, ids: Sequence[int], *, charged: bool) -> None:
        """Give reservations up: `charged` ones stay on the account as calls of unknown outcome."""
        with self._lock:
            self._held -= set(ids)  # first, so that they are reclaimed later even if the disk refuses now
            with self._transaction(durable=True):
                for call in ids:
                    self._drop(call, charged=charged)

    def totals(self) -> list[Total]:
        """All charges by state and role."""
        query = f"SELECT state, role, {_SUMS}, TOTAL(seconds), COUNT(*) FROM calls GROUP BY state, role"
        with self._lock, guarded(self._path):
            rows = self._db.execute(query).fetchall()
        return [Total(row[0], row[1], Charge(*row[2:-2]), row[-2], row[-1]) for row in rows]

    def earlier_seconds(self) -> float:
        """Active time of all other processes of this session, past and present."""
        query = "SELECT TOTAL(seconds) FROM sittings WHERE id <> ?"
        with self._lock, guarded(self._path):
            return float(self._db.execute(query, (self._sitting,)).fetchone()[0])

    def picture(self, blob: str) -> Row | None:
        """The first recorded picture, or preview of one, with these stored bytes."""
        query = f"SELECT * FROM calls WHERE blob = ? AND {_VIEWED} ORDER BY id LIMIT 1"
        with self._lock, guarded(self._path):
            found = self._select(query, (blob,))
        return self._row(found[0]["key"], found[0]) if found else None

    def pictures(self) -> list[Row]:
        """Every recorded call that drew or edited a picture, in the order asked."""
        query = f"SELECT * FROM calls WHERE {_PICTURES} AND blob IS NOT NULL ORDER BY id"
        with self._lock, guarded(self._path):
            return [self._row(row["key"], row) for row in self._select(query, ())]

    def close(self, seconds: float | None) -> None:
        """Note the active time (None when replaying), let go of what we still hold and close the database."""
        try:
            if seconds is not None:
                self._held.clear()
                with self._transaction(durable=False):
                    self._tick(seconds)
                    self._reclaim()
        finally:
            self._db.close()

    @contextmanager
    def _transaction(self, *, durable: bool) -> Iterator[None]:
        """Write all or nothing. `durable` outlives a power cut; anything outlives the death of the process."""
        with self._lock, guarded(self._path):
            self._db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # SQLite ends it by itself on a full disk
                    self._db.execute("ROLLBACK")
                raise

    def _select(self, query: str, values: Sequence[Any]) -> list[dict[str, Any]]:
        cursor = self._db.execute(query, values)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def _present(self, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        marks = ", ".join("?" * len(keys))
        query = f"SELECT * FROM calls WHERE key IN ({marks}) AND state <> 'unknown'"
        return {row["key"]: row for row in self._select(query, keys)}

    def _row(self, key: str, row: dict[str, Any]) -> Row:
        if row["checksum"] != _checksum([row[name] for name in _SAID]):
            raise CorruptSession(
                f"the recorded call {key} in {self._path} does not match its checksum; restore the file from a copy, "
                f"or delete the row (DELETE FROM calls WHERE key = '{key}') to have the call made and paid again"
            )
        return Row(key, row["result"])

    def _last_id(self) -> int:
        """The highest id there ever was; SQLite keeps it, so that none is given twice."""
        found = self._db.execute(_LAST_ID).fetchone()
        return int(found[0]) if found else 0

    def _insert(self, calls: Mapping[int, Call]) -> None:
        owner, lease = str(self._owner), time.time() + LEASE_S
        rows = ((one, "reserved", *_called(call), owner, lease, *units_of(call.charge)) for one, call in calls.items())
        self._db.executemany(_RESERVE, rows)
        self._held |= calls.keys()

    def _update(self, entries: Sequence[Entry]) -> dict[int, SessionBusy]:
        """Record what is reserved still; by id, what is not."""
        marks = ", ".join("?" * len(entries))
        query = f"SELECT id, {', '.join(_CALLED)} FROM calls WHERE id IN ({marks}) AND state = 'reserved'"
        called = {row[0]: row[1:] for row in self._db.execute(query, [entry.id for entry in entries])}
        rows = [_recorded(entry, called[entry.id]) for entry in entries if entry.id in called]
        self._db.executemany(_RECORD, rows)
        return {entry.id: _taken_over(entry) for entry in entries if entry.id not in called}

    def _drop(self, call: int, *, charged: bool) -> None:
        if charged:
            self._db.execute("UPDATE calls SET state = 'unknown' WHERE id = ? AND state = 'reserved'", (call,))
        else:
            self._db.execute("DELETE FROM calls WHERE id = ? AND state = 'reserved'", (call,))

    def _reclaim(self) -> None:
        """Give up the reservations of the dead."""
        for row in self._select("SELECT id, local, owner, lease_until FROM calls WHERE state = 'reserved'", ()):
            if not self._is_held(row):
                self._drop(row["id"], charged=not row["local"])

    def _is_held(self, row: dict[str, Any]) -> bool:
        if row["owner"] == str(self._owner):
            return row["id"] in self._held
        alive = Owner.parse(row["owner"]).alive()
        return bool(row["lease_until"] > time.time()) if alive is None else alive

    def _charged(self) -> tuple[Charge, Charge]:
        totals = self.totals()
        settled = total(one.charge for one in totals if one.state != "reserved")
        pending = total(one.charge for one in totals if one.state == "reserved")
        return settled, pending

    def _sit_down(self) -> int:
        sitting = self._db.execute("INSERT INTO sittings (owner) VALUES (?)", (str(self._owner),)).lastrowid
        assert sitting is not None
        return sitting

    def _tick(self, seconds: float) -> None:
        self._db.execute("UPDATE sittings SET seconds = ? WHERE id = ?", (seconds, self._sitting))


def _called(call: Call) -> tuple[Any, ...]:
    """What a row says of its call, as `_CALLED` names it."""
    where = " / ".join(call.position)
    return call.key, call.kind, call.model, call.local, call.role, where, call.request


def _recorded(entry: Entry, called: Sequence[Any]) -> tuple[Any, ...]:
    """What recording changes in the row of this call, and its id."""
    costs = units_of(entry.charge)
    checksum = _checksum((*called, entry.result, entry.blob, *costs))
    return entry.result, entry.blob, entry.unknown_usage, entry.seconds, *costs, checksum, entry.id


def _taken_over(entry: Entry) -> SessionBusy:
    return SessionBusy(
        f"the call {entry.key} was taken over by a process on another host after {LEASE_S:.0f} s; let one host at a "
        "time work on a session, then resume"
    )


def _checksum(said: Sequence[Any]) -> str:
    return sha256(canonical(list(said)).encode())
