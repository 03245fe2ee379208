"""Where in a run we are: a path of names that nests and travels with the context.

The first part is the role (for the cost per agent); the whole path tells two calls of a sampling model apart. A context
variable, because it follows asyncio tasks and the threads that LangGraph starts with a copied context.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from limner.errors import UsageError

NO_ROLE = "other"
"""The role of calls made outside of any position."""

_path: ContextVar[tuple[str, ...]] = ContextVar("limner_position", default=())


@contextmanager
def position(*parts: str, anew: bool = False) -> Iterator[tuple[str, ...]]:
    """Append parts to the current position for the length of a `with` block.

    `anew` begins a path of its own: for what belongs to the session, not to whoever happens to ask for it first.

    Parts come from the plan of the run (role, round, item, run seed where a ledger is shared), never from a counter of
    calls: a resumed run must come by the same names.

    Raises:
        UsageError: no part, or one that is empty or no text.
    """
    if not parts or not all(isinstance(part, str) and part for part in parts):
        raise UsageError(f'a position is made of non-empty texts, such as position("critic", "round 3"), got {parts!r}')
    token = _path.set(parts if anew else (*_path.get(), *parts))
    try:
        yield _path.get()
    finally:
        _path.reset(token)


def current_position() -> tuple[str, ...]:
    """The parts of the innermost position, outermost first; empty outside of any."""
    return _path.get()
