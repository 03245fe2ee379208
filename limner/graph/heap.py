"""The heap of a long run: what was there when it began is left out of the garbage collector's full passes.

A full pass looks at every object of the process, most of them classes and functions of libraries, while everything
waits: 0.1 s each, once in some hundred turns. What the run itself makes is collected as ever.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager

FIRST_S = 0.15
"""Seconds until then: the first agents have been asked, and there is nothing to do but to wait for them."""


@contextmanager
def settled() -> Iterator[None]:
    """Leave out what is in memory soon after the beginning, but for what is garbage by then; until the end.

    Where somebody has left objects out already, such as another run of this process, that is left as it is.
    """
    if gc.get_freeze_count():
        yield
        return
    later = asyncio.get_running_loop().call_later(FIRST_S, _settle)
    try:
        yield
    finally:
        later.cancel()
        gc.unfreeze()


def _settle() -> None:
    gc.collect()
    gc.freeze()
