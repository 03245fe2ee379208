"""Chat with language models: OpenAI-compatible endpoints, and replies that obey a schema."""

from __future__ import annotations

from limner.llm.models import chat_model
from limner.llm.openai_chat import OpenAIOptions
from limner.llm.pace import Pace
from limner.llm.structured import StructuredChat

__all__ = ["OpenAIOptions", "Pace", "StructuredChat", "chat_model"]
