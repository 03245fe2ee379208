"""What any picture file says of how it was made, whichever program wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Made:
    """How a picture was made, as its file says; None and empty where it does not.

    `program` wrote the entry (limner, AUTOMATIC1111, ComfyUI, Fooocus, InvokeAI, NovelAI, SwarmUI, Draw Things).
    `query` is the user's own words, where the program keeps them. `more` holds what has no field here, as the file has
    it.
    """

    program: str
    prompt: str
    negative: str = ""
    seed: int | None = None
    steps: int | None = None
    guidance: float | None = None
    sampler: str | None = None
    scheduler: str | None = None
    width: int | None = None
    height: int | None = None
    model: str | None = None
    model_hash: str | None = None
    query: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON with every key."""
        return asdict(self)


def number(value: Any) -> int | None:
    """A whole number that a file states, within what seeds and sizes can be; None for anything else."""
    try:
        found = int(str(value).strip()) if not isinstance(value, float) else int(value)
    except (ValueError, OverflowError):
        return None
    return found if abs(found) < 2**64 else None


def decimal(value: Any) -> float | None:
    """A finite number that a file states; None for anything else."""
    try:
        found = float(str(value).strip())
    except ValueError:
        return None
    return found if abs(found) < 1e9 else None


def words(value: Any) -> str | None:
    """A text that a file states; None for nothing."""
    return str(value) if value not in (None, "") else None
