"""Runs of previews through the door: what is shown is recorded before it is seen, and a run is paid once.

A run is drawn in planned batches, each a call whose result is its course; previews and finished pictures are calls of
their own that cost nothing more. It costs pictures by the steps that were carried out, so paths that are ended early
leave budget for others. A run that was recorded is told again from the record, for the same decisions of its reader.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from limner.errors import ModelError, SessionMismatch, UsageError
from limner.ledger.budget import Charge, to_pico, to_usd
from limner.ledger.codec import Result, picture_request
from limner.ledger.course import Course, Stop
from limner.ledger.door import Door, Outcome
from limner.ledger.keys import canonical, key_of
from limner.ledger.planned import POLL_S
from limner.ledger.position import NO_ROLE, current_position
from limner.ledger.store import Call
from limner.protocols import Stepwise, StepwiseRun
from limner.types import Failure, Picture, Preview, Recipe, Steps

if TYPE_CHECKING:
    from limner.tracing.spans import Span, Spans


@dataclass(slots=True)
class _Live:
    """A batch that is being drawn: its paths among the run's, its call and reservation, and what has been seen."""

    paths: Sequence[int]
    call: Call
    reservation: dict[str, int]
    run: StepwiseRun
    span: Span
    around: ExitStack
    began: float = field(default_factory=time.perf_counter)
    stops: list[Stop] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Told:
    """A batch that is told again from the record."""

    paths: Sequence[int]
    call: Call
    course: Course


class RecordedRun:
    """One run over some recipes; see `limner.protocols.StepwiseRun`. It must be used as a context.

    A run that is left early is recorded as it stands, its paths ended; one that an error ends is not: it is drawn anew.
    """

    def __init__(
        self, model: Stepwise, recipes: Sequence[Recipe], at: Collection[int], door: Door, spans: Spans
    ) -> None:
        self._model = model
        self._recipes = list(recipes)
        self._at = sorted(set(at))
        self._door = door
        self._spans = spans
        self._where = current_position()
        self._dropped: set[int] = set()
        self._batch: _Live | _Told | None = None
        self._spent = 0
        self._steps = [Steps(0, 0)] * len(recipes)
        self.pictures: list[Picture | Failure | None] = [None] * len(recipes)

    @property
    def steps_spent(self) -> int:
        """Denoising steps so far, over all paths, as they were carried out when the run was drawn."""
        now = self._batch.run.steps_spent if isinstance(self._batch, _Live) else self._spent
        return now + sum(one.spent for one in self._steps)

    @property
    def steps(self) -> list[Steps]:
        """The steps of each path; of a run that is told again, only where its batch is over."""
        steps = list(self._steps)
        if isinstance(live := self._batch, _Live):
            for path, one in zip(live.paths, live.run.steps, strict=True):
                steps[path] = one
        return steps

    def drop(self, path: int) -> None:
        """End a path: no further step is spent on it. It has no picture then."""
        if not 0 <= path < len(self._recipes):
            raise UsageError(f"There is no path {path}; there are {len(self._recipes)}, counted from 0.")
        self._dropped.add(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            self._give_up(error)
        elif isinstance(self._batch, _Live):
            left = {place for place, one in enumerate(self._batch.run.pictures) if one is None}
            self._batch.stops[-1] = replace(self._batch.stops[-1], dropped=tuple(sorted(left)))
            self._settle(self._batch)
        elif self._batch is not None:
            self._recall(self._batch)

    def __iter__(self) -> Iterator[list[Preview]]:
        size = max(1, self._model.terms.batch)
        for start in range(0, len(self._recipes), size):
            places = range(start, min(start + size, len(self._recipes)))
            if paths := [path for path in places if path not in self._dropped]:
                yield from self._asked(paths)

    def _asked(self, paths: Sequence[int]) -> Iterator[list[Preview]]:
        recipes = [picture_request(self._recipes[path]) for path in paths]
        call = self._call("run", {"recipes": recipes, "previews": self._at}, pictures=len(paths))
        pause, longest = POLL_S
        while not ((admitted := self._door.admit([call])).results or admitted.reserved):
            time.sleep(pause)
            pause = min(pause * 1.5, longest)
        if isinstance(course := admitted.results.get(call.key), Course):
            yield from self._again(_Told(paths, call, course))
        else:
            yield from self._drawn(self._begun(paths, call, admitted.reserved))

    # --- drawn now -------------------------------------------------------------------------------------------------

    def _begun(self, paths: Sequence[int], call: Call, reservation: dict[str, int]) -> _Live:
        with self._door.holding(reservation, local=call.local), ExitStack() as around:
            span = around.enter_context(self._spans.drawing(self._model.identity, remote=not call.local))
            run = self._model.start([self._recipes[path] for path in paths], self._at)
            run.__enter__()
            return _Live(paths, call, reservation, run, span, around.pop_all())

    def _drawn(self, live: _Live) -> Iterator[list[Preview]]:
        self._batch = live
        try:
            for seen in live.run:
                shown = self._recorded(live, seen)
                stop = Stop(seen[0].step, tuple(one.path for one in seen), (), live.run.steps_spent)
                live.stops.append(stop)
                before = set(self._dropped)
                yield [replace(one, path=live.paths[one.path]) for one in shown]
                dropped = self._newly(live.paths, before)
                live.stops[-1] = replace(stop, dropped=dropped)
                for place in dropped:
                    live.run.drop(place)
        except GeneratorExit:  # left early, or an error of the reader's: `__exit__` is told which
            raise
        except BaseException as error:
            self._give_up(error)
            raise
        self._settle(live)

    def _recorded(self, live: _Live, seen: Sequence[Preview]) -> list[Preview]:
        """Previews as they will read back; one that was recorded before the run was cut off stands."""
        calls = [self._preview_call(live.call, live.stops, one.step, one.path) for one in seen]
        results = self._put(calls, [one.picture for one in seen])
        return [replace(one, picture=_picture(results[call.key])) for one, call in zip(seen, calls, strict=True)]

    def _settle(self, live: _Live) -> None:
        """Record the batch as it stands: paths without a picture have ended."""
        self._batch = None
        with self._door.holding(live.reservation, local=live.call.local), live.around:
            live.run.__exit__(None, None, None)
            drawn = {place: one for place, one in enumerate(live.run.pictures) if one is not None}
            ended = tuple(one is None for one in live.run.pictures)
            course = Course(tuple(live.stops), tuple(live.run.steps), ended)
            charge = self._charge(course.pictures([place for place, one in drawn.items() if isinstance(one, Failure)]))
            calls = {place: self._path_call(live.call, place) for place in drawn}
            kept = self._put([*calls.values()], [*drawn.values()])
            outcome, seconds = Outcome(live.call.key, course, charge), time.perf_counter() - live.began
            self._door.settle(live.reservation, [outcome], seconds)
            self._tell(live.span, course, [*drawn.values()], charge)
        self._finish(live.paths, course, {place: kept[call.key] for place, call in calls.items()})

    def _give_up(self, error: BaseException) -> None:
        live, self._batch = self._batch, None
        if not isinstance(live, _Live):
            return
        live.run.__exit__(type(error), error, error.__traceback__)
        live.around.__exit__(type(error), error, error.__traceback__)  # which marks the span as failed
        lost = not live.call.local and not isinstance(error, ModelError)
        (self._door.lose if lost else self._door.release)([*live.reservation.values()])

    def _put(self, calls: Sequence[Call], results: Sequence[Picture | Failure]) -> dict[str, Result]:
        """Record results that cost nothing more; those that are recorded already stand."""
        if not calls:
            return {}
        admitted = self._door.admit(calls)
        pairs = zip(calls, results, strict=True)
        new = [Outcome(call.key, result, Charge()) for call, result in pairs if call.key in admitted.reserved]
        return admitted.results | (self._door.settle(admitted.reserved, new, 0.0) if new else {})

    def _tell(self, span: Span, course: Course, drawn: Sequence[Picture | Failure], charge: Charge) -> None:
        span.set(
            role=(self._where or (NO_ROLE,))[0],
            position=" / ".join(self._where),
            planned=len(course.ended),
            made=len(drawn),
            failed=sum(isinstance(one, Failure) for one in drawn),
            ended=sum(course.ended),
            steps=sum(one.spent for one in course.steps),
            pictures=[one.sha256 for one in drawn if isinstance(one, Picture)] or None,
        )
        span.cost(None if charge.unknown_price else to_usd(charge.money))

    # --- told again ------------------------------------------------------------------------------------------------

    def _again(self, told: _Told) -> Iterator[list[Preview]]:
        self._batch = told
        for number, stop in enumerate(told.course.stops):
            earlier = told.course.stops[:number]
            calls = [self._preview_call(told.call, earlier, stop.step, place) for place in stop.paths]
            found = self._door.admit(calls).results
            self._spent, before = stop.spent, set(self._dropped)
            yield [
                Preview(told.paths[place], stop.step, _picture(found[call.key]))
                for place, call in zip(stop.paths, calls, strict=True)
            ]
            self._check(told.paths, stop, self._newly(told.paths, before))
        self._recall(told)

    def _recall(self, told: _Told) -> None:
        """Read back what the batch came to."""
        self._batch, self._spent = None, 0
        calls = {place: self._path_call(told.call, place) for place, ended in enumerate(told.course.ended) if not ended}
        found = self._door.admit([*calls.values()]).results
        self._finish(told.paths, told.course, {place: found[call.key] for place, call in calls.items()})

    def _newly(self, paths: Sequence[int], before: Collection[int]) -> tuple[int, ...]:
        """The places of paths that the reader has dropped since."""
        return tuple(place for place, path in enumerate(paths) if path in self._dropped and path not in before)

    def _check(self, paths: Sequence[int], stop: Stop, now: Sequence[int]) -> None:
        if tuple(now) != stop.dropped:
            then, said = ([paths[place] for place in places] for places in (stop.dropped, now))
            raise SessionMismatch(
                f"This run of previews is recorded: after step {stop.step} it dropped the paths {then}, and now {said} "
                'are dropped. Decide as before, or draw it at another position: with position("...").'
            )

    def _finish(self, paths: Sequence[int], course: Course, results: dict[int, Result]) -> None:
        for place, path in enumerate(paths):
            self._steps[path] = course.steps[place]
            found = results.get(place)
            if isinstance(found, Picture | Failure):
                self.pictures[path] = found

    # --- calls -----------------------------------------------------------------------------------------------------

    def _preview_call(self, run: Call, stops: Sequence[Stop], step: int, place: int) -> Call:
        """Previews depend on what was dropped before, by the last bit."""
        dropped = sorted(one for stop in stops for one in stop.dropped)
        return self._call("preview", {"run": run.key, "step": step, "path": place, "dropped": dropped})

    def _path_call(self, run: Call, place: int) -> Call:
        return self._call("path", {"run": run.key, "path": place})

    def _call(self, kind: str, request: dict[str, Any], *, pictures: int = 0) -> Call:
        model, where, asked = self._model, self._where, canonical(request)
        return Call(
            key=key_of(kind, model.identity, asked, where or None),
            kind=kind,
            model=model.identity,
            local=model.terms.local,
            position=where,
            role=where[0] if where else NO_ROLE,
            request=asked,
            charge=self._charge(pictures),
        )

    def _charge(self, pictures: int) -> Charge:
        price = self._model.terms.price_per_call
        unknown = pictures if price is None else 0
        return Charge(pictures=pictures, money=pictures * to_pico(price or 0.0), unknown_price=unknown)


def _picture(result: Result) -> Picture:
    assert isinstance(result, Picture), result
    return result
