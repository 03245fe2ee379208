"""The door: what happens between asking for calls and using their results.

Recorded results are read back; the rest is reserved within the budget, called by the asker, and recorded before it is
used. A replay stops here at the first call that was never recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from limner.errors import BudgetSpent, CorruptSession, LimnerError, ModelError, ReplayMiss, StorageError, UnknownPrice
from limner.ledger.blobs import Blobs
from limner.ledger.budget import PICO, Budget, Charge, exceeded
from limner.ledger.codec import Result, Text, decode, encode, shelve
from limner.ledger.schema import guarded
from limner.ledger.store import Call, Claim, Entry, Row, Store


@dataclass(frozen=True, slots=True)
class Admission:
    """Results that are recorded, and ids of the calls that are ours to make; what is in neither is another's."""

    results: dict[str, Result]
    reserved: dict[str, int]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one call with its final charge."""

    key: str
    result: Result
    charge: Charge
    unknown_usage: bool = False


@dataclass(frozen=True, slots=True)
class Settlement:
    """The outcome of the call with this reservation, and how long it took in seconds."""

    id: int
    outcome: Outcome
    seconds: float


class Door:
    """The one way to a paid call."""

    def __init__(
        self, folder: Path, store: Store, blobs: Blobs, budget: Budget, active: Callable[[], float], *, replay: bool
    ) -> None:
        """Take what a ledger is made of; `active` tells the seconds that it has been open in this process."""
        self._folder = folder
        self._store = store
        self._blobs = blobs
        self._budget = budget
        self._active = active
        self._replay = replay

    def check_price(self, model: str, prices: Sequence[float | None]) -> None:
        """Refuse a model whose price is not known, unless the budget allows that or nothing will be paid.

        Raises:
            UnknownPrice: before anything was spent.
        """
        if None in prices and not (self._budget.allow_unknown_price or self._replay):
            raise UnknownPrice(
                f"the price of {model} is not known; give it in the model's terms (0 if it costs nothing), or allow it "
                "with Budget(allow_unknown_price=True): such calls are then counted, and missing in the sum of money"
            )

    def admit(self, calls: Sequence[Call]) -> Admission:
        """Read what is recorded and reserve the rest, as one: all of it or nothing.

        Raises:
            ReplayMiss: in a replay, a call was never recorded.
            BudgetSpent: the rest does not fit.
            StorageError, CorruptSession: see `Store` and `Blobs`.
        """
        admitted = self.admit_each([calls])[0]
        if isinstance(admitted, LimnerError):
            raise admitted
        return admitted

    def admit_each(self, asks: Sequence[Sequence[Call]]) -> list[Admission | LimnerError]:
        """Admit several askers in one transaction, in order; each gets what `admit` would return or raise.

        Raises:
            StorageError: the disk refused, for all of them.
        """
        distinct = [list({call.key: call for call in calls}.values()) for calls in asks]
        recorded = self._store.recorded([*{call.key: None for calls in distinct for call in calls}])
        missing = [call for calls in distinct for call in calls if call.key not in recorded]
        if not missing or self._replay:
            return [self._recalled(calls, recorded) for calls in distinct]
        self._store_blobs(shelve(call.request) for call in missing)
        shelved = [[_shelved(call) for call in calls] for calls in distinct]
        return [self._admitted(claim) for claim in self._store.reserve_each(shelved, self._active(), self._fits)]

    def _recalled(self, calls: Sequence[Call], recorded: Mapping[str, Row]) -> Admission | LimnerError:
        missing = [call for call in calls if call.key not in recorded]
        if missing:
            return _replay_miss(missing[0])
        return self._admitted(Claim({call.key: recorded[call.key] for call in calls}))

    def _admitted(self, claim: Claim | BudgetSpent) -> Admission | LimnerError:
        if isinstance(claim, BudgetSpent):
            return claim
        try:
            return Admission({key: self.read(row) for key, row in claim.recorded.items()}, claim.reserved)
        except LimnerError as error:
            self._store.abandon(list(claim.reserved.values()), charged=False)
            return error

    def settle(self, reserved: Mapping[str, int], outcomes: Sequence[Outcome], seconds: float) -> dict[str, Result]:
        """Record a batch, all or nothing, and give its results as they will read back.

        Raises:
            StorageError: the disk refused; nothing of the batch is recorded.
        """
        share = seconds / len(outcomes)
        kept = self._kept([Settlement(reserved[outcome.key], outcome, share) for outcome in outcomes])
        self._store.record([one.entry for one in kept], self._active())
        return {one.entry.key: one.result() for one in kept}

    def settle_each(self, settlements: Sequence[Settlement]) -> list[Result | LimnerError]:
        """Record several calls in one transaction; each gets its result, or why its reservation was lost.

        Raises:
            StorageError: the disk refused, for all of them; none is recorded.
        """
        kept = self._kept(settlements)
        refused = self._store.record_each([one.entry for one in kept], self._active())
        return [refused.get(one.entry.id) or one.result() for one in kept]

    def _kept(self, settlements: Sequence[Settlement]) -> list[_Kept]:
        """What is to be recorded, its blobs stored and flushed."""
        kept = [_Kept.of(settlement) for settlement in settlements]
        self._store_blobs(one.text for one in kept)
        return kept

    def lose(self, ids: Sequence[int]) -> None:
        """Leave remote calls whose reply was lost on the account, as calls of unknown outcome.

        Raises:
            StorageError: the disk refused.
        """
        if ids:
            self._store.abandon(ids, charged=True)

    def release(self, ids: Sequence[int]) -> None:
        """Give up reservations of calls that were never made.

        Raises:
            StorageError: the disk refused.
        """
        if ids:
            self._store.abandon(ids, charged=False)

    @contextmanager
    def holding(self, reserved: Mapping[str, int], *, local: bool) -> Iterator[None]:
        """Give reservations up if the block fails.

        A model's own error says that nothing was delivered, and a local call costs nothing: released. Anything else,
        a cancelled task or a lost connection, leaves a remote call on the account.
        """
        try:
            yield
        except BaseException as error:
            charged = not local and not isinstance(error, ModelError)
            try:
                self._store.abandon(list(reserved.values()), charged=charged)
            except StorageError as refused:
                error.add_note(f"its reservation is given up with the next call or start, not now: {refused}")
            raise

    def read(self, row: Row) -> Result:
        """A recorded result, with its bytes checked.

        Raises:
            MissingBlob: its stored bytes are gone or have changed.
            CorruptSession: the row is of no known form.
        """
        try:
            return decode(row.result, self._blobs.get)
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptSession(
                f"the recorded call {row.key} in {self._folder} cannot be read ({error!r}); update Limner, or restore "
                "the ledger from a copy"
            ) from error

    def _store_blobs(self, texts: Iterable[Text]) -> None:
        blobs = {text.name: text.blob for text in texts if text.name is not None and text.blob is not None}
        with guarded(self._folder / "blobs"):
            self._blobs.put(blobs)

    def _fits(self, settled: Charge, pending: Charge, need: Charge, seconds: float) -> bool:
        """Whether a batch may start now; not while calls under way may still turn out too dear for both."""
        limit = self._budget.seconds
        if limit is not None and seconds >= limit:
            raise BudgetSpent("seconds", f"the budget of {limit:g} s is spent ({seconds:.1f} s); give a larger one")
        short = exceeded(self._budget, settled, need)
        if short is not None:
            raise BudgetSpent(short, _spent(self._budget, short, settled, need))
        return exceeded(self._budget, settled + pending, need) is None


@dataclass(frozen=True, slots=True)
class _Kept:
    """A result as it is stored, and as it will read back."""

    entry: Entry
    text: Text

    @classmethod
    def of(cls, settlement: Settlement) -> _Kept:
        outcome = settlement.outcome
        text = encode(outcome.result)
        entry = Entry(
            id=settlement.id,
            key=outcome.key,
            result=text.text,
            blob=text.name,
            charge=outcome.charge,
            unknown_usage=outcome.unknown_usage,
            seconds=settlement.seconds,
        )
        return cls(entry, text)

    def result(self) -> Result:
        return decode(self.text.text, lambda _: self.text.blob or b"")


def _shelved(call: Call) -> Call:
    """The call as its row keeps it."""
    short = shelve(call.request).text
    return call if short is call.request else replace(call, request=short)


def _spent(budget: Budget, resource: str, settled: Charge, need: Charge) -> str:
    limit = getattr(budget, resource)
    name, unit = ("money", PICO) if resource == "money_usd" else (resource, 1)
    used, more = getattr(settled, name) / unit, getattr(need, name) / unit
    return (
        f"the budget for {resource} is spent: {used:g} of {limit:g} are paid and the next call needs {more:g}; "
        "give a larger one"
    )


def _replay_miss(call: Call) -> ReplayMiss:
    where = " / ".join(call.position) or "no position"
    return ReplayMiss(
        f"this replay asks for a call that was never recorded: {call.kind} by {call.model} at {where}, request "
        f"{call.request:.200}; replay with the settings of the recorded run, or resume it to make the call"
    )
