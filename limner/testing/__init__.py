"""Fakes for tests, yours and ours."""

from limner.testing.fakes import (
    CallLog,
    ChatFromCallable,
    CountingGenerator,
    HashGenerator,
    ScorerFromFunction,
    VisionFromFunction,
)

__all__ = [
    "CallLog",
    "ChatFromCallable",
    "CountingGenerator",
    "HashGenerator",
    "ScorerFromFunction",
    "VisionFromFunction",
]
