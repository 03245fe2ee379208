"""What spans say, in the words of the GenAI and OpenInference conventions.

Messages are JSON text, the form that the conventions prescribe where structured attributes are not supported and the
only one that every viewer reads. Pictures appear as the hash that names their stored bytes, never as base64, which
freezes viewers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from limner.types import Message, Picture, Turn

Value = str | bool | int | float | Sequence[str] | Sequence[int] | Sequence[float]


def named(attributes: Mapping[str, Value | None]) -> dict[str, Value]:
    """Put names without a dot under `limner.` and leave out what is unknown (None)."""
    return {name if "." in name else f"limner.{name}": value for name, value in attributes.items() if value is not None}


def asked(messages: Sequence[Message]) -> dict[str, Value]:
    """The messages to a chat model: the system's apart from the others, as the conventions want it."""
    system = [part for message in messages if message.role == "system" for part in _parts(message)]
    others = [{"role": message.role, "parts": _parts(message)} for message in messages if message.role != "system"]
    attributes: dict[str, Value] = {"gen_ai.input.messages": _json(others)}
    if system:
        attributes["gen_ai.system_instructions"] = _json(system)
    return attributes


def replied(turn: Turn) -> dict[str, Value]:
    """A chat model's reply and its tokens."""
    reply = {"role": "assistant", "parts": [_text(turn.text)], "finish_reason": turn.finish_reason}
    usage = turn.usage
    return named(
        {
            "gen_ai.output.messages": _json([reply]),
            "gen_ai.response.finish_reasons": (turn.finish_reason,),
            "gen_ai.response.model": turn.model or None,
            "gen_ai.usage.input_tokens": usage.input_tokens,
            "gen_ai.usage.output_tokens": usage.output_tokens,
            "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens,
            "llm.token_count.prompt": usage.input_tokens,
            "llm.token_count.completion": usage.output_tokens,
            "llm.token_count.prompt_details.cache_read": usage.cached_tokens,
        }
    )


def _parts(message: Message) -> list[dict[str, str]]:
    return [_text(message.content), *map(_picture, message.pictures)]


def _text(text: str) -> dict[str, str]:
    return {"type": "text", "content": text}


def _picture(picture: Picture) -> dict[str, str]:
    return {"type": "uri", "modality": "image", "mime_type": "image/png", "uri": f"sha256:{picture.sha256}"}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
