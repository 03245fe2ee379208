"""What a chat endpoint can do, found out by a handful of small turns rather than believed from its documents."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from limner.errors import ChatError, ReplyLost
from limner.llm.formats import Rung
from limner.llm.openai_chat import OpenAIChat
from limner.llm.structured import StructuredChat
from limner.types import Message, Picture, Prompt, Recipe

_CONTEXTS = ("max_model_len", "context_length", "max_context_length", "context_window", "n_ctx", "n_ctx_train")
"""Under which names servers tell of their models' context: vLLM, OpenRouter, LM Studio, others, llama.cpp."""
_SIDE = 64


@dataclass(frozen=True, slots=True)
class Abilities:
    """What was found; `context` is in tokens, None where the endpoint does not tell."""

    rung: Rung
    vision: bool
    logprobs: bool
    context: int | None


async def abilities(chat: OpenAIChat) -> Abilities:
    """Ask an endpoint up to five short questions.

    Raises:
        ChatError: it does not answer at all.
    """
    rung = await StructuredChat(chat).rung()
    return Abilities(rung, await _sees(chat), await _tells_logprobs(chat), await _context(chat))


async def _sees(chat: OpenAIChat) -> bool:
    """Whether the model can name the colour of a plain picture."""
    question = Message("user", "Which colour is this picture? Answer with one word.", (_red(),))
    try:
        turn = await chat.turn([question])
    except (ChatError, ReplyLost):
        return False
    return "red" in turn.text.lower()


async def _tells_logprobs(chat: OpenAIChat) -> bool:
    fields = {"messages": [{"role": "user", "content": "Say yes."}], "logprobs": True, "top_logprobs": 2}
    try:
        return b'"top_logprobs"' in await chat.send(fields)
    except (ChatError, ReplyLost):
        return False


async def _context(chat: OpenAIChat) -> int | None:
    try:
        about = await chat.about()
    except (ChatError, ReplyLost):
        return None
    return _number({**about, **_mapping(about.get("meta"))})


def _number(about: Mapping[str, Any]) -> int | None:
    told = [about[name] for name in _CONTEXTS if isinstance(about.get(name), int)]
    return told[0] if told else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _red() -> Picture:
    from PIL import Image

    stream = io.BytesIO()
    Image.new("RGB", (_SIDE, _SIDE), (220, 20, 20)).save(stream, "PNG")
    return Picture(stream.getvalue(), Recipe(Prompt("red"), 0), "doctor")
