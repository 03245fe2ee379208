"""Chat with language models: OpenAI-compatible endpoints, and replies that obey a schema."""

from __future__ import annotations

from limner.llm.models import chat_model
from limner.llm.structured import StructuredChat

__all__ = ["StructuredChat", "chat_model"]
