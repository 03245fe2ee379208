"""Drawing step by step: previews on the way, and paths that end early and cost nothing from there on.

The pipeline runs in a thread of its own and waits at each chosen step until the reader of the previews goes on; it
works on a copy of the pipeline's shell with its own scheduler, so that other drawing does not disturb it. Where a
family cannot shrink a running batch each path is a batch of its own.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from functools import wraps
from queue import Queue
from threading import Thread
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from limner.errors import GenerationError, UsageError
from limner.generation.finishing import as_image, finish
from limner.generation.pipeline import Drawn, Pipeline, Plan, generators
from limner.generation.predicted import decoded, denoised
from limner.generation.shrinking import shrink, tensors_of
from limner.pictures import encode
from limner.quiet import quiet
from limner.types import Failure, Picture, Preview, Recipe, Steps

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from limner.generation.diffusers_generator import DiffusersGenerator

_log = logging.getLogger(__name__)


class DiffusersRun:
    """One run over some recipes; see `limner.protocols.StepwiseRun`. `shrinks`: whether paths share batches."""

    def __init__(self, generator: DiffusersGenerator, recipes: Sequence[Recipe], at: Collection[int]) -> None:
        if any(step < 1 for step in at):
            raise UsageError(f"Previews at {sorted(at)}: steps count from 1.")
        self._generator = generator
        self._recipes = list(recipes)
        self._at = frozenset(at)
        self._dropped: set[int] = set()
        self._drawing: _Drawing | None = None
        self._paths: list[int] = []
        self._steps = [Steps(0, 0)] * len(recipes)
        self.pictures: list[Picture | Failure | None] = [None] * len(recipes)
        self.shrinks = bool(tensors_of(generator.pipeline.pipe))
        if not self.shrinks and len(recipes) > 1:
            name = type(generator.pipeline.pipe).__name__
            _log.warning("%s cannot drop paths from a running batch: each path is drawn by itself.", name)

    @property
    def steps_spent(self) -> int:
        """Denoising steps carried out so far, over all paths."""
        return sum(one.spent for one in self.steps)

    @property
    def steps(self) -> list[Steps]:
        """The steps of each path; those needed are 0 before it begins."""
        self._count()
        return list(self._steps)

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
        self._close()

    def __iter__(self) -> Iterator[list[Preview]]:
        refused: dict[int, Picture | Failure] = {}
        groups = self._generator.grouped(self._recipes, refused)
        for place, failure in refused.items():
            self.pictures[place] = failure
        size = self._generator.fitting if self.shrinks else 1
        for plan, places in groups.items():
            for start in range(0, len(places), size):
                paths = [path for path in places[start : start + size] if path not in self._dropped]
                if paths:
                    yield from self._batch(plan, paths)

    def _batch(self, plan: Plan, paths: list[int]) -> Iterator[list[Preview]]:
        try:
            self._paths = paths
            self._drawing = _Drawing(self._generator.pipeline, plan, [self._recipes[path] for path in paths], self._at)
            while (seen := self._drawing.next_stop()) is not None:
                step, images = seen
                alive = [paths[row] for row in self._drawing.alive]
                shown = zip(alive, images, strict=True)
                yield [Preview(path, step, self._preview(path, step, plan, image)) for path, image in shown]
                self._drawing.go_on({row for row, path in enumerate(paths) if path in self._dropped})
            self._finish(plan, paths)
        except (GenerationError, ValueError) as error:
            for path in set(paths) - self._dropped:
                self.pictures[path] = Failure("GenerationError", f"The pipeline refused the recipe: {error}")
        finally:
            self._close()

    def _finish(self, plan: Plan, paths: list[int]) -> None:
        assert self._drawing is not None
        alive, drawn = [paths[row] for row in self._drawing.alive], self._drawing.drawn
        if drawn is None:
            return
        recipes = [self._recipes[path] for path in alive]
        dtype = str(self._generator.pipeline.pipe.dtype)
        pictures = finish(drawn, lambda place, image: self._generator.picture(image, recipes[place], plan), dtype)
        for path, picture in zip(alive, pictures, strict=True):
            self.pictures[path] = picture

    def _preview(self, path: int, step: int, plan: Plan, image: NDArray[np.float32]) -> Picture:
        """A preview says in its model's name that it is one, so that nobody takes it for the finished picture."""
        model = f"{self._generator.identity} after {step} of {plan.steps} steps"
        return Picture(encode(as_image(image), self._recipes[path], model), self._recipes[path], model)

    def _close(self) -> None:
        if self._drawing is not None:
            self._drawing.close()
            self._count()
            self._drawing = None

    def _count(self) -> None:
        if self._drawing is not None:
            for path, spent in zip(self._paths, self._drawing.spent, strict=True):
                self._steps[path] = Steps(spent, self._drawing.needed)


class _Abandoned(BaseException):  # not an Exception, so that no pipeline handles it
    """Nobody waits for this batch any more."""


class _Drawing:
    """One batch in its thread. `alive` are the rows still drawn, `spent` the steps of each row, of `needed` ones."""

    def __init__(self, pipeline: Pipeline, plan: Plan, recipes: Sequence[Recipe], at: frozenset[int]) -> None:
        self.alive = list(range(len(recipes)))
        self.spent = [0] * len(recipes)
        self.needed = plan.steps
        self.drawn: Drawn | None = None
        self._plan = plan
        self._at = at
        self._predicted: Any = None
        self._noise = generators([recipe.seed for recipe in recipes])
        self._pipe = copy.copy(pipeline.pipe)
        self._pipe.scheduler = self._watched(copy.deepcopy(pipeline.scheduler_named(plan.scheduler)))
        self._tensors = tensors_of(self._pipe)
        prompts = [(recipe.prompt.text, recipe.prompt.negative) for recipe in recipes]
        call = pipeline.call(plan, prompts, self._noise)
        if self._tensors:
            call |= {"callback_on_step_end": self._after, "callback_on_step_end_tensor_inputs": list(self._tensors)}
        self._out: Queue[Any] = Queue()
        self._in: Queue[set[int] | None] = Queue()
        self._thread = Thread(target=self._work, args=(call,), name="limner-stepwise", daemon=True)
        self._thread.start()

    def next_stop(self) -> tuple[int, NDArray[np.float32]] | None:
        """The next chosen step and its previews, one for each row alive; None when the batch is done.

        Raises:
            Exception: what the pipeline raised.
        """
        said = self._out.get()
        if isinstance(said, BaseException):
            raise said
        stop: tuple[int, NDArray[np.float32]] | None = said
        return stop

    def go_on(self, dropped: set[int]) -> None:
        """Let the pipeline go on without these rows."""
        self._in.put(dropped)

    def close(self) -> None:
        """End the thread."""
        self._in.put(None)
        self._thread.join()

    def _work(self, call: dict[str, Any]) -> None:
        try:
            with quiet(), suppress(_Abandoned):
                output = self._pipe(**call)
                flags = getattr(output, "nsfw_content_detected", None)
                self.drawn = Drawn(output.images, flags or [False] * len(output.images))
            self._out.put(None)
        except BaseException as error:  # noqa: BLE001 - it is raised again where the previews are read
            self._out.put(error)

    def _watched(self, scheduler: Any) -> Any:
        """The scheduler, noting before each chosen step what it predicts; its signature stays, which pipelines read."""
        step = scheduler.step
        counted = 0

        @wraps(step)
        def watched(output: Any, timestep: Any, sample: Any, *args: Any, **more: Any) -> Any:
            nonlocal counted
            counted += 1
            self.needed = len(scheduler.timesteps)  # Heun and PNDM take several calls of the network for a step
            if counted in self._at:
                self._predicted = denoised(scheduler, output, timestep, sample)
            stepped = step(output, timestep, sample, *args, **more)
            for row in self.alive:
                self.spent[row] += 1
            if not self._tensors:
                self._stop(counted)
            return stepped

        scheduler.step = watched
        return scheduler

    def _after(self, pipe: Any, place: int, _: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        before = len(self.alive)
        kept = self._stop(place + 1)
        if len(kept) < before:
            shrink(tensors, pipe.scheduler, self._noise, kept)
        return tensors

    def _stop(self, step: int) -> list[int]:
        """Show what is predicted, wait, and give the places of the rows that go on among those that were alive."""
        if step not in self._at:
            return list(range(len(self.alive)))
        self._out.put((step, decoded(self._pipe, self._predicted, self._plan)))
        dropped = self._in.get()
        if dropped is None:
            raise _Abandoned
        kept = [place for place, row in enumerate(self.alive) if row not in dropped]
        self.alive = [self.alive[place] for place in kept]
        if not self.alive:
            raise _Abandoned
        return kept
