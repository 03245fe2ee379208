"""Batches that fit into memory: one that does not is halved, and the next ones begin at what fitted."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from limner.types import Failure

Item = TypeVar("Item")
Result = TypeVar("Result")

_log = logging.getLogger(__name__)


class Fitting:
    """How many pictures at once a device holds, as far as is known: `size` shrinks and never grows."""

    def __init__(self, size: int, device: Callable[[], str]) -> None:
        self.size = size
        self._device = device
        self._too_many: int | None = None

    def in_parts(
        self, items: Sequence[Item], draw: Callable[[Sequence[Item]], list[Result | Failure]]
    ) -> list[Result | Failure]:
        """Draw all items, at most `size` at once; an item that does not fit alone is a `Failure`."""
        done: list[Result | Failure] = []
        while len(done) < len(items):
            part = items[len(done) : len(done) + self.size]
            drawn = _unless_too_large(draw, part)
            if drawn is not None:
                self._tell()
                done += drawn
                continue
            _free_memory()
            if len(part) == 1:
                done.append(self._refused())
            else:
                self._too_many = self._too_many or len(part)
                self.size = len(part) // 2
        return done

    def _tell(self) -> None:
        """Say once, when it is known, what fits."""
        if self._too_many:
            text = "Out of memory with %d pictures at once on %s; going on with %d."
            _log.warning(text, self._too_many, self._device(), self.size)
            self._too_many = None

    def _refused(self) -> Failure:
        return Failure("GenerationError", f"Out of memory on {self._device()} for one picture. Draw it smaller.")


def _unless_too_large(draw: Callable[[Sequence[Item]], list[Result]], items: Sequence[Item]) -> list[Result] | None:
    """The drawn items, or None if they do not fit; the error goes, because it holds on to what filled the memory."""
    try:
        return draw(items)
    except (RuntimeError, MemoryError) as error:
        if not _out_of_memory(error):
            raise
        return None


def _out_of_memory(error: RuntimeError | MemoryError) -> bool:
    import torch

    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _free_memory() -> None:
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
