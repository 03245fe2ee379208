"""The seams where the outside world is replaced: one small protocol per kind of model.

Batches everywhere: a sequence in, a list in the same order out; one refused item is a `Failure` in its place, never an
exception for the batch. Models are synchronous, chat and agents asynchronous.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar, runtime_checkable

from pydantic import BaseModel

from limner.types import (
    Answer,
    Edit,
    Failure,
    Message,
    Picture,
    Preview,
    Query,
    Question,
    Recipe,
    Score,
    Steps,
    Terms,
    Turn,
)

T = TypeVar("T", bound=BaseModel)


@runtime_checkable
class Model(Protocol):
    """What every model says of itself."""

    @property
    def identity(self) -> str:
        """Name with backend, weight hash and dtype: two models with one identity give the same results."""
        ...

    @property
    def terms(self) -> Terms:
        """How it may be called, and at what price."""
        ...


@runtime_checkable
class Generator(Model, Protocol):
    """Text to picture."""

    def generate(self, recipes: Sequence[Recipe]) -> list[Picture | Failure]:
        """Draw each recipe."""
        ...


@runtime_checkable
class Editor(Model, Protocol):
    """Picture to changed picture."""

    def edit(self, edits: Sequence[Edit]) -> list[Picture | Failure]:
        """Make each change; where an edit names a region, pixels outside of it and its soft rim stay as they are."""
        ...


class StepwiseRun(Protocol):
    """A context manager that draws while its previews are read.

    Iterating yields the previews of one step of one batch at a time; when it is over, `pictures` has one entry for each
    recipe: None where the path was dropped.
    """

    @property
    def pictures(self) -> list[Picture | Failure | None]:
        """What was drawn, in the order of the recipes."""
        ...

    @property
    def steps_spent(self) -> int:
        """Denoising steps carried out so far, over all paths."""
        ...

    @property
    def steps(self) -> list[Steps]:
        """The steps of each path, in the order of the recipes."""
        ...

    def drop(self, path: int) -> None:
        """End a path; no further step is spent on it."""
        ...

    def __iter__(self) -> Iterator[Sequence[Preview]]: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


@runtime_checkable
class Stepwise(Generator, Protocol):
    """A generator whose pictures can be looked at while they are drawn."""

    def start(self, recipes: Sequence[Recipe], at: Collection[int]) -> StepwiseRun:
        """Begin to draw, with previews after the steps `at`, counted from 1."""
        ...


@runtime_checkable
class Scorer(Model, Protocol):
    """Picture to number."""

    def score(self, pairs: Sequence[tuple[Query, Picture]]) -> list[Score | Failure]:
        """Judge each picture against the user's own query."""
        ...


@runtime_checkable
class VisionModel(Model, Protocol):
    """Answers yes/no questions about pictures."""

    def answer(self, asks: Sequence[tuple[Picture, Question]]) -> list[Answer]:
        """Give P(yes) for each; an unreadable answer has p_yes None."""
        ...


@runtime_checkable
class ChatModel(Model, Protocol):
    """One turn of a chat endpoint: the paid door under every language model."""

    async def turn(self, messages: Sequence[Message], schema: Mapping[str, Any] | None = None) -> Turn:
        """Reply to the messages; `schema` is the JSON schema that the reply shall obey.

        A reply that is a refusal, empty or cut off is a `Turn` too, since it is paid for: `finish_reason` tells.

        Raises:
            limner.errors.ChatError: the endpoint did not take the request (no connection, key, quota, bad request).
            limner.errors.ReplyLost: the request was sent, and no reply came.
        """
        ...


@runtime_checkable
class Connects(ChatModel, Protocol):
    """A chat model that is reached over connections."""

    def connected(self) -> AbstractAsyncContextManager[object]:
        """Keep connections open from turn to turn, for the length of the block and on its event loop."""
        ...


@runtime_checkable
class AsksChat(VisionModel, Protocol):
    """A vision model that asks a chat model: what is paid for and recorded are its turns."""

    def behind(self, door: Callable[[ChatModel], ChatModel]) -> VisionModel:
        """The same model with its chat models behind a door."""
        ...


class LanguageModel(Protocol):
    """Structured replies: what agents talk to."""

    async def reply(self, messages: Sequence[Message], schema: type[T]) -> T:
        """Reply with a validated object.

        Raises:
            limner.errors.ChatError: no usable reply, or none that fits the schema.
        """
        ...
