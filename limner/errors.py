"""The error tree, named after the boundary crossed.

Every message says what was wrong, with what value, and what to do. `exit_code` is what the command line ends with:
1 failed, 2 bad usage, 3 budget spent before a result.
"""

from __future__ import annotations

from typing import ClassVar


class LimnerError(Exception):
    """Anything that Limner raises on purpose."""

    exit_code: ClassVar[int] = 1


class UsageError(LimnerError):
    """The caller asked for something that cannot be: a bad argument, setting, name or file."""

    exit_code: ClassVar[int] = 2


class SettingsError(UsageError):
    """A setting is missing, unknown or out of range."""


class QueryError(UsageError):
    """A request for pictures cannot be used: empty, too long, or its file cannot be read."""


class PictureError(UsageError):
    """A picture file or its metadata cannot be used: not a picture, damaged, too large or senseless."""


class UnknownModel(UsageError):
    """A model's name has no known scheme, or what it names is not there."""


class UnknownPrice(UsageError):
    """A remote model has no price and the budget does not allow that."""


class BudgetSpent(LimnerError):
    """The next call would exceed the budget.

    `resource` names the limit: pictures, model_calls, tokens, money_usd or seconds.
    """

    exit_code: ClassVar[int] = 3

    def __init__(self, resource: str, message: str) -> None:
        """Keep the resource beside the message."""
        super().__init__(message)
        self.resource = resource


class StorageError(LimnerError):
    """The disk refused: full, read-only, or not permitted. What was recorded before stays usable."""


class SessionError(LimnerError):
    """A session's directory cannot be used."""


class SessionBusy(SessionError):
    """Another process is writing to this session."""


class SessionMismatch(SessionError, UsageError):
    """A session is resumed with other settings than it began with."""

    exit_code: ClassVar[int] = 2


class CorruptSession(SessionError):
    """Stored data does not read back: a ledger row, a blob or a checkpoint."""


class MissingBlob(CorruptSession):
    """The ledger names stored bytes that are no longer there or have changed."""


class ReplayMiss(SessionError):
    """A replay asked for a call that was never recorded."""


class ModelError(LimnerError):
    """A model could not do what it was asked."""


class WeightsError(ModelError):
    """A model's files are missing, incomplete or of another architecture."""


class GenerationError(ModelError):
    """A picture could not be drawn."""


class ScoringError(ModelError):
    """A picture could not be judged."""


class ChatError(ModelError):
    """A chat endpoint gave no usable reply."""


class RequestRefused(ChatError):
    """A chat endpoint cannot take this request as it stands: a response format, field or size that it does not know."""


class ReplyUnusable(ChatError):
    """A reply came and is of no use: refused, empty, cut off, or not fitting its schema even when asked again."""


class ReplyLost(LimnerError):
    """A remote call was sent and no reply came: nobody knows whether it was carried out, so it stays charged."""
