"""Coroutines driven from sync code, also where this thread runs a loop already, as in a notebook."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Drive a coroutine to its end from sync code, also where this thread already runs a loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(make())
    return in_thread(lambda: asyncio.run(make()))


def in_thread(function: Callable[[], T]) -> T:
    """Call a function in a thread of its own, with this thread's context, and return or raise what it does."""
    results: list[T] = []
    errors: list[BaseException] = []
    context = contextvars.copy_context()

    def target() -> None:
        try:
            results.append(context.run(function))
        except BaseException as error:  # noqa: BLE001 - carried over to the caller's thread and raised there
            errors.append(error)

    thread = threading.Thread(target=target, name="limner")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
