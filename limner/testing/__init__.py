"""Fakes for tests, yours and ours."""

from limner.testing.chat_server import ChatBehaviour, ChatServer
from limner.testing.comfy_server import ComfyBehaviour, ComfyServer
from limner.testing.fakes import (
    CallLog,
    ChatFromCallable,
    CountingGenerator,
    HashEditor,
    HashGenerator,
    ScorerFromFunction,
    VisionFromFunction,
)
from limner.testing.guard import RealCallError, no_real_calls
from limner.testing.image_server import Behaviour, ImageServer
from limner.testing.stepwise import HashRun, HashStepwise

__all__ = [
    "Behaviour",
    "CallLog",
    "ChatBehaviour",
    "ChatFromCallable",
    "ChatServer",
    "ComfyBehaviour",
    "ComfyServer",
    "CountingGenerator",
    "HashEditor",
    "HashGenerator",
    "HashRun",
    "HashStepwise",
    "ImageServer",
    "RealCallError",
    "ScorerFromFunction",
    "VisionFromFunction",
    "no_real_calls",
]
