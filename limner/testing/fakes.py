"""Models that need no weights: each behaves like the real thing at its door and counts what it was asked.

They ship with the package, so that a user's own code around Limner can be tested with them too.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from hashlib import shake_256
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from limner.pictures import Origin, encode
from limner.protocols import Generator
from limner.types import Answer, Edit, Failure, Message, Picture, Query, Question, Recipe, Region, Score, Terms, Turn

if TYPE_CHECKING:
    from PIL.Image import Image

T = TypeVar("T")

_CELLS = 4


class CallLog(Generic[T]):
    """What a model was asked, batch by batch."""

    def __init__(self) -> None:
        self.batches: list[tuple[T, ...]] = []

    def add(self, items: Sequence[T]) -> None:
        """Note one call."""
        self.batches.append(tuple(items))

    @property
    def calls(self) -> int:
        """How often the model was called."""
        return len(self.batches)

    @property
    def shapes(self) -> list[int]:
        """Items of each call."""
        return [len(batch) for batch in self.batches]

    @property
    def items(self) -> list[T]:
        """Everything asked, in order."""
        return [item for batch in self.batches for item in batch]


class HashGenerator:
    """Draws the hash of each recipe as a pattern of 4 x 4 colours: other recipe, other picture.

    Seeds in `failing` give a `Failure`; `delay` is in seconds a call; `log` says what was asked.
    """

    def __init__(
        self,
        name: str = "hash",
        *,
        size: tuple[int, int] = (32, 32),
        terms: Terms = Terms(),  # noqa: B008 - frozen
        delay: float = 0.0,
        failing: Collection[int] = (),
    ) -> None:
        self.identity = name
        self.terms = terms
        self.log: CallLog[Recipe] = CallLog()
        self._size = size
        self._delay = delay
        self._failing = frozenset(failing)

    def generate(self, recipes: Sequence[Recipe]) -> list[Picture | Failure]:
        """Draw each recipe's hash."""
        self.log.add(recipes)
        time.sleep(self._delay)
        return [self._draw(recipe) for recipe in recipes]

    def _draw(self, recipe: Recipe) -> Picture | Failure:
        if recipe.seed in self._failing:
            return Failure("GenerationError", f"Seed {recipe.seed} was told to fail.")
        size = (recipe.width or self._size[0], recipe.height or self._size[1])
        return Picture(encode(pattern(recipe, size), recipe, self.identity), recipe, self.identity)


class HashEditor:
    """Fills the region, or the whole picture, with the pattern of the edit's hash; seeds in `failing` fail."""

    def __init__(
        self,
        name: str = "hash-editor",
        *,
        terms: Terms = Terms(),  # noqa: B008 - frozen
        failing: Collection[int] = (),
    ) -> None:
        self.identity = name
        self.terms = terms
        self.log: CallLog[Edit] = CallLog()
        self._failing = frozenset(failing)

    def edit(self, edits: Sequence[Edit]) -> list[Picture | Failure]:
        """Make each change."""
        self.log.add(edits)
        return [self._change(edit) for edit in edits]

    def _change(self, edit: Edit) -> Picture | Failure:
        if edit.recipe.seed in self._failing:
            return Failure("GenerationError", f"Seed {edit.recipe.seed} was told to fail.")
        image = edit.picture.image()
        part = edit.region or Region(0, 0, *image.size)
        if part.x + part.width > image.width or part.y + part.height > image.height:
            return Failure("GenerationError", f"The region {tuple(part)} is not within the picture.")
        image.paste(pattern((edit.picture.sha256, edit.change, edit.recipe), (part.width, part.height)), part[:2])
        origin = Origin(edit.picture.sha256, edit.change, edit.region, edit.strength)
        return Picture(encode(image, edit.recipe, self.identity, edit=origin), edit.recipe, self.identity)


class CountingGenerator:
    """Any generator, with a log of what it was asked."""

    def __init__(self, inner: Generator) -> None:
        self._inner = inner
        self.log: CallLog[Recipe] = CallLog()

    @property
    def identity(self) -> str:
        """The wrapped generator's."""
        return self._inner.identity

    @property
    def terms(self) -> Terms:
        """The wrapped generator's."""
        return self._inner.terms

    def generate(self, recipes: Sequence[Recipe]) -> list[Picture | Failure]:
        """Note the batch, then draw it."""
        self.log.add(recipes)
        return self._inner.generate(recipes)


class ChatFromCallable:
    """A chat model that replies what a function of the messages and the schema returns, as text or as a whole `Turn`.

    The function may be asynchronous and may raise `ChatError`.
    """

    def __init__(
        self,
        function: Callable[[Sequence[Message], Mapping[str, Any] | None], str | Turn | Awaitable[str | Turn]],
        name: str = "callable",
        *,
        terms: Terms = Terms(batch=1),  # noqa: B008 - frozen
    ) -> None:
        self._function = function
        self.identity = name
        self.terms = terms
        self.log: CallLog[Message] = CallLog()

    async def turn(self, messages: Sequence[Message], schema: Mapping[str, Any] | None = None) -> Turn:
        """Reply to the messages."""
        self.log.add(messages)
        reply = self._function(messages, schema)
        if inspect.isawaitable(reply):
            reply = await reply
        return Turn(reply, model=self.identity) if isinstance(reply, str) else reply


class ScorerFromFunction:
    """A scorer from a function of query and picture that gives a number, a whole `Score`, or None for unreadable."""

    def __init__(
        self,
        function: Callable[[Query, Picture], float | Score | None],
        name: str = "function",
        *,
        terms: Terms = Terms(),  # noqa: B008 - frozen
    ) -> None:
        self._function = function
        self.identity = name
        self.terms = terms
        self.log: CallLog[tuple[Query, Picture]] = CallLog()

    def score(self, pairs: Sequence[tuple[Query, Picture]]) -> list[Score | Failure]:
        """Judge each pair."""
        self.log.add(pairs)
        judged = [self._function(query, picture) for query, picture in pairs]
        return [given if isinstance(given, Score) else Score(self.identity, given) for given in judged]


class VisionFromFunction:
    """A vision model from a function of picture and question that gives P(yes), a whole `Answer`, or None."""

    def __init__(
        self,
        function: Callable[[Picture, Question], float | Answer | None],
        name: str = "function",
        *,
        terms: Terms = Terms(),  # noqa: B008 - frozen
    ) -> None:
        self._function = function
        self.identity = name
        self.terms = terms
        self.log: CallLog[tuple[Picture, Question]] = CallLog()

    def answer(self, asks: Sequence[tuple[Picture, Question]]) -> list[Answer]:
        """Answer each question."""
        self.log.add(asks)
        given = [self._function(picture, question) for picture, question in asks]
        return [answer if isinstance(answer, Answer) else _answer(answer) for answer in given]


def _answer(p_yes: float | None) -> Answer:
    return Answer(p_yes, "" if p_yes is not None else "the function gave no answer")


def pattern(recipe: object, size: tuple[int, int]) -> Image:
    """4 x 4 colours by the hash of what the object says of itself."""
    from PIL import Image

    colours = shake_256(repr(recipe).encode()).digest(3 * _CELLS**2)
    return Image.frombytes("RGB", (_CELLS, _CELLS), colours).resize(size, Image.Resampling.NEAREST)
