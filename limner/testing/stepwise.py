"""A generator with previews that needs no weights: patterns by hash, a step at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from types import TracebackType
from typing import Self

from limner.errors import UsageError
from limner.pictures import encode
from limner.testing.fakes import CallLog, HashGenerator, pattern
from limner.types import Failure, Picture, Preview, Recipe, Steps


class HashStepwise(HashGenerator):
    """Draws as `HashGenerator` does, in `steps` steps, at most `terms.batch` paths at once.

    `runs` says what each run drew; previews are patterns of recipe, step and number of paths still drawn, because real
    ones, too, depend on their batch by the last bit.
    """

    steps = 10

    def __init__(self, name: str = "hash-stepwise", **more: object) -> None:
        super().__init__(name, **more)  # type: ignore[arg-type]
        self.runs: CallLog[Recipe] = CallLog()

    def start(self, recipes: Sequence[Recipe], at: Collection[int]) -> HashRun:
        """Begin to draw.

        Raises:
            UsageError: a step before the first.
        """
        if any(step < 1 for step in at):
            raise UsageError(f"Previews at {sorted(at)}: steps count from 1.")
        self.runs.add(recipes)
        return HashRun(self, recipes, at)


class HashRun:
    """A run of `HashStepwise`; see `limner.protocols.StepwiseRun`."""

    def __init__(self, model: HashStepwise, recipes: Sequence[Recipe], at: Collection[int]) -> None:
        self._model = model
        self._recipes = recipes
        self._at = frozenset(at)
        self._alive = set(range(len(recipes)))
        self.steps = [Steps(0, 0)] * len(recipes)
        self.pictures: list[Picture | Failure | None] = [None] * len(recipes)

    @property
    def steps_spent(self) -> int:
        """Steps carried out, over all paths."""
        return sum(one.spent for one in self.steps)

    def drop(self, path: int) -> None:
        """End a path."""
        self._alive.discard(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._alive.clear()

    def __iter__(self) -> Iterator[list[Preview]]:
        size = max(1, self._model.terms.batch)
        for start in range(0, len(self._recipes), size):
            yield from self._batch([path for path in range(start, start + size) if path in self._alive])

    def _batch(self, paths: list[int]) -> Iterator[list[Preview]]:
        for step in range(1, self._model.steps + 1):
            paths = [path for path in paths if path in self._alive]
            for path in paths:
                self.steps[path] = Steps(step, self._model.steps)
            if step in self._at and paths:
                yield [Preview(path, step, self._preview(path, step, len(paths))) for path in paths]
        paths = [path for path in paths if path in self._alive]
        drawn = self._model.generate([self._recipes[path] for path in paths]) if paths else []
        for path, picture in zip(paths, drawn, strict=True):
            self.pictures[path] = picture

    def _preview(self, path: int, step: int, beside: int) -> Picture:
        recipe = self._recipes[path]
        model = f"{self._model.identity} after {step} of {self._model.steps} steps"
        return Picture(encode(pattern((recipe, step, beside), (32, 32)), recipe, model), recipe, model)
