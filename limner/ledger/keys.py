"""Keys: what makes two calls the same call.

A key is the SHA-256 of canonical JSON over kind, model identity, request and occurrence. The occurrence is a logical
position, never a counter, so that a resumed run asks under the keys that it asked under before.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from typing import Any

from limner.errors import UsageError

_JSON = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def canonical(value: Any) -> str:
    """Write plain data as the one JSON text it has: sorted keys, no spaces, ASCII.

    Raises:
        UsageError: the value has no canonical form (NaN, infinity, or something that is not plain data).
    """
    try:
        return _JSON.encode(value)
    except (TypeError, ValueError) as error:
        raise UsageError(f"a request must be plain, finite data to be recorded, got {value!r:.300}: {error}") from error


def key_of(kind: str, model: str, request: str, occurrence: tuple[str, ...] | None) -> str:
    """Name a call by 64 hex digits.

    Args:
        kind: such as "chat" or "picture".
        model: its identity.
        request: what decides the result, as `canonical` writes it; most of the text, so it is not written again.
        occurrence: where in the run this is asked; None where asking again is the same call.
    """
    return sha256(f'{_before(kind, model, occurrence)},"request":{request}}}'.encode())


@lru_cache(maxsize=64)
def _before(kind: str, model: str, occurrence: tuple[str, ...] | None) -> str:
    """What a key is made of before its request: the same for a whole batch."""
    return canonical({"kind": kind, "model": model, "occurrence": occurrence and list(occurrence)})[:-1]


def sha256(data: bytes) -> str:
    """64 hex digits."""
    return hashlib.sha256(data).hexdigest()
