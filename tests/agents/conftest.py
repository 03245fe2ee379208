import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from limner.llm import StructuredChat
from limner.testing import ChatFromCallable


class Script:
    """A language model that says what it is told to, in order, and what it was asked."""

    def __init__(self, *replies: Any) -> None:
        left = iter(replies)

        def say(_messages: Any, _schema: Any) -> str:
            reply = next(left)
            return reply if isinstance(reply, str) else json.dumps(reply)

        self.chat = ChatFromCallable(say, "script")
        self.model = StructuredChat(self.chat)

    @property
    def asked(self) -> list[str]:
        """What was said in each call, all messages as one text."""
        return ["\n".join(message.content for message in batch) for batch in self.chat.log.batches]


@pytest.fixture
def script() -> type[Script]:
    return Script


@pytest.fixture
def run() -> Callable[..., Any]:
    return asyncio.run
