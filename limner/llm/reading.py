"""The body of a chat completion as a `Turn`: whatever the endpoint sent, nothing of it is taken for granted."""

from __future__ import annotations

import json
from typing import Any

from limner.types import Turn, Usage

NO_CHOICE = "no_choice"
"""The finish reason of a completion that holds no choice: paid for, and empty."""


def turn_of(body: bytes, asked: str) -> Turn:
    """Read a completion; `asked` names the model where the endpoint does not.

    Raises:
        ValueError: it is none; says what it is instead.
    """
    whole = _object(body)
    choices = whole.get("choices")
    if not isinstance(choices, list):
        raise ValueError(f"it has no list of choices: {_shown(whole.get('error') or whole)}")
    first = choices[0] if choices else None
    choice: dict[str, Any] = first if isinstance(first, dict) else {}
    told = choice.get("message")
    message: dict[str, Any] = told if isinstance(told, dict) else {}
    refusal = _text(message.get("refusal"))
    finish = _text(choice.get("finish_reason")) or "stop"
    return Turn(
        text=refusal or _text(message.get("content")),
        finish_reason="refusal" if refusal else finish if choice else NO_CHOICE,
        usage=_usage(whole.get("usage")),
        model=_text(whole.get("model")) or asked,
        first=_first(choice.get("logprobs")),
    )


def listed(body: bytes, model: str) -> dict[str, Any]:
    """What an endpoint's list of models says of this one; nothing where it is not there, or where there is no list."""
    try:
        rows = _object(body).get("data")
    except ValueError:
        return {}
    found = [row for row in rows if isinstance(row, dict) and row.get("id") == model] if isinstance(rows, list) else []
    return found[0] if found else {}


def _object(body: bytes) -> dict[str, Any]:
    try:
        whole = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is no JSON ({error}): {_shown(body.decode(errors='replace'))}") from error
    if not isinstance(whole, dict):
        raise ValueError(f"it is no object: {_shown(whole)}")
    return whole


def _text(value: Any) -> str:
    """A text, or the joined texts of a list of parts; anything else is none."""
    if isinstance(value, list):
        return "".join(_text(part.get("text")) for part in value if isinstance(part, dict))
    # Half a surrogate pair can be neither stored nor sent again.
    return value.encode(errors="replace").decode() if isinstance(value, str) else ""


def _first(value: Any) -> tuple[tuple[str, float], ...]:
    """The first token's alternatives; none where the endpoint tells nothing of the kind, whatever it tells."""
    content = value.get("content") if isinstance(value, dict) else None
    told = content[0] if isinstance(content, list) and content else None
    if not isinstance(told, dict):
        return ()
    others = told.get("top_logprobs")
    rows = [told, *(others if isinstance(others, list) else [])]
    tokens = {_text(row.get("token")): _logprob(row.get("logprob")) for row in rows if isinstance(row, dict)}
    return tuple((token, logprob) for token, logprob in tokens.items() if logprob is not None)


def _logprob(value: Any) -> float | None:
    readable = isinstance(value, int | float) and not isinstance(value, bool) and value <= 0
    return float(value) if readable else None


def _usage(value: Any) -> Usage:
    told = value if isinstance(value, dict) else {}
    details = told.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    return Usage(_count(told.get("prompt_tokens")), _count(told.get("completion_tokens")), _count(cached))


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _shown(value: Any) -> str:
    return f"{value!r:.200}"
