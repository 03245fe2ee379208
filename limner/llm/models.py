"""Chat models by name: SCHEME:NAME."""

from __future__ import annotations

from limner.errors import UnknownModel
from limner.llm.openai_chat import OpenAIChat, OpenAIOptions
from limner.llm.pace import Pace

SCHEMES = ("openai",)


def chat_model(name: str, options: OpenAIOptions | None = None, pace: Pace | None = None) -> OpenAIChat:
    """The chat model of this name: `openai:MODEL`, at any OpenAI-compatible endpoint, whose models share a pace.

    Raises:
        UnknownModel: no such scheme, or no model named.
    """
    scheme, _, model = name.partition(":")
    if scheme not in SCHEMES or not model:
        raise UnknownModel(f"no chat model is named {name!r}; known are: {', '.join(f'{s}:MODEL' for s in SCHEMES)}")
    return OpenAIChat(model, options, pace)
