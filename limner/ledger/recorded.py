"""Recorded models: the same protocols, through the ledger.

`recorded(model, ledger)` is called where dependencies are wired, so that no implementation of a model knows of money,
crashes or replays.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, overload

from limner.errors import UsageError
from limner.ledger.budget import Charge
from limner.ledger.chat import ChatDoor
from limner.ledger.codec import answer_request, edit_request, picture_request, score_request
from limner.ledger.planned import Job, Planned
from limner.ledger.stepwise import RecordedRun
from limner.protocols import AsksChat, ChatModel, Editor, Generator, Model, Scorer, Stepwise, VisionModel
from limner.types import Answer, Edit, Failure, Message, Picture, Query, Question, Recipe, Score, Terms, Turn

if TYPE_CHECKING:
    from limner.ledger.ledger import Ledger


class _Recorded:
    """A model that says of itself what the model behind it says."""

    def __init__(self, model: Model) -> None:
        self._model = model

    @property
    def identity(self) -> str:
        """The identity of the model behind."""
        return self._model.identity

    @property
    def terms(self) -> Terms:
        """The terms of the model behind."""
        return self._model.terms


class RecordedGenerator(_Recorded):
    """A `Generator` whose pictures are paid once."""

    def __init__(self, model: Generator, ledger: Ledger) -> None:
        """See `recorded`."""
        super().__init__(model)
        self._planned: Planned[Recipe, Picture | Failure] = Planned(
            _DRAWING, model, model.generate, ledger.door, ledger.spans
        )

    def generate(self, recipes: Sequence[Recipe]) -> list[Picture | Failure]:
        """Draw what is not recorded, in planned batches.

        Raises:
            BudgetSpent: the next batch does not fit; the batches before it are recorded.
        """
        return self._planned.ask(recipes)


class RecordedStepwise(RecordedGenerator):
    """A `Stepwise` generator whose runs of previews are paid once, too."""

    def __init__(self, model: Stepwise, ledger: Ledger) -> None:
        """See `recorded`."""
        super().__init__(model, ledger)
        self._stepwise = model
        self._ledger = ledger

    def start(self, recipes: Sequence[Recipe], at: Collection[int]) -> RecordedRun:
        """Draw with previews, in planned batches; what is recorded is shown again and costs nothing.

        A run costs pictures by the steps that were carried out, rounded up over a batch, so that a path which is ended
        early leaves budget. Iterating raises `BudgetSpent` if the next batch would not fit with all paths drawn, and
        `SessionMismatch` if a recorded run's reader drops other paths than it did. Runs at different positions are
        different runs.
        """
        return RecordedRun(self._stepwise, recipes, at, self._ledger.door, self._ledger.spans)


class RecordedEditor(_Recorded):
    """An `Editor` whose pictures are paid once. They count as pictures."""

    def __init__(self, model: Editor, ledger: Ledger) -> None:
        """See `recorded`."""
        super().__init__(model)
        self._planned: Planned[Edit, Picture | Failure] = Planned(
            _EDITING, model, model.edit, ledger.door, ledger.spans
        )

    def edit(self, edits: Sequence[Edit]) -> list[Picture | Failure]:
        """Make the edits that are not recorded, in planned batches.

        Raises:
            BudgetSpent: the next batch does not fit; the batches before it are recorded.
        """
        return self._planned.ask(edits)


class RecordedScorer(_Recorded):
    """A `Scorer` that judges the same picture for the same query once. Scores are timed and counted."""

    def __init__(self, model: Scorer, ledger: Ledger) -> None:
        """See `recorded`."""
        super().__init__(model)
        self._planned: Planned[tuple[Query, Picture], Score | Failure] = Planned(
            _SCORING, model, model.score, ledger.door, ledger.spans
        )

    def score(self, pairs: Sequence[tuple[Query, Picture]]) -> list[Score | Failure]:
        """Judge what is not recorded, in planned batches.

        Raises:
            BudgetSpent: the time is over.
        """
        return self._planned.ask(pairs)


class RecordedVisionModel(_Recorded):
    """A `VisionModel` whose answers are paid once."""

    def __init__(self, model: VisionModel, ledger: Ledger) -> None:
        """See `recorded`."""
        super().__init__(model)
        self._planned: Planned[tuple[Picture, Question], Answer] = Planned(
            _ANSWERING, model, model.answer, ledger.door, ledger.spans
        )

    def answer(self, asks: Sequence[tuple[Picture, Question]]) -> list[Answer]:
        """Ask what is not recorded, in planned batches.

        Raises:
            BudgetSpent: the next batch does not fit; the batches before it are recorded.
        """
        return self._planned.ask(asks)


class RecordedChat(_Recorded):
    """A `ChatModel` whose turns are paid once."""

    def __init__(self, model: ChatModel, ledger: Ledger) -> None:
        """See `recorded`."""
        super().__init__(model)
        self._door = ChatDoor(model, ledger.door, ledger.turns, ledger.spans)

    async def turn(self, messages: Sequence[Message], schema: Mapping[str, Any] | None = None) -> Turn:
        """Reply, from the record if this turn was paid before.

        Raises:
            BudgetSpent: the turn does not fit.
            ChatError: no usable reply; it is not charged.
        """
        return await self._door.ask(messages, schema)


@overload
def recorded(model: Stepwise, ledger: Ledger) -> RecordedStepwise: ...
@overload
def recorded(model: Generator, ledger: Ledger) -> RecordedGenerator: ...
@overload
def recorded(model: Editor, ledger: Ledger) -> RecordedEditor: ...
@overload
def recorded(model: Scorer, ledger: Ledger) -> RecordedScorer: ...
@overload
def recorded(model: VisionModel, ledger: Ledger) -> VisionModel: ...
@overload
def recorded(model: ChatModel, ledger: Ledger) -> RecordedChat: ...
def recorded(
    model: Generator | Editor | Scorer | VisionModel | ChatModel, ledger: Ledger
) -> RecordedGenerator | RecordedEditor | RecordedScorer | VisionModel | RecordedChat:
    """Put a model behind the ledger; of a vision model that asks a chat model, each turn is what is recorded.

    Raises:
        UnknownPrice: the model has no price and the ledger's budget does not allow that.
        UsageError: it is no model of a known kind.
    """
    if isinstance(model, Stepwise):
        return RecordedStepwise(model, ledger)
    if isinstance(model, Generator):
        return RecordedGenerator(model, ledger)
    if isinstance(model, Editor):
        return RecordedEditor(model, ledger)
    if isinstance(model, Scorer):
        return RecordedScorer(model, ledger)
    if isinstance(model, AsksChat):
        return model.behind(lambda chat: RecordedChat(chat, ledger))
    if isinstance(model, VisionModel):
        return RecordedVisionModel(model, ledger)
    if isinstance(model, ChatModel):
        return RecordedChat(model, ledger)
    raise UsageError(
        f"{type(model).__name__} cannot be recorded; it needs identity, terms and generate, edit, score, answer or turn"
    )


def _missing(_: Any, missing: Any) -> Any:
    return missing


def _edited_again(planned: Edit, missing: Edit) -> Edit:
    """A missing edit in the place of another, which may have been of another picture and kind: as it is."""
    return replace(missing, recipe=_redrawn(planned.recipe, missing.recipe))


def _redrawn(planned: Recipe, missing: Recipe) -> Recipe:
    """A missing picture at the settings of the place, because generators batch by settings."""
    return replace(planned, prompt=missing.prompt, seed=missing.seed)


_DRAWING: Job[Recipe] = Job(
    kind="picture",
    unit=Charge(pictures=1),
    request=picture_request,
    stand_in=_redrawn,
    span=lambda spans, model: spans.drawing(model.identity, remote=not model.terms.local),
    seeded=True,
)
_EDITING: Job[Edit] = Job(
    kind="edit",
    unit=Charge(pictures=1),
    request=edit_request,
    stand_in=_edited_again,
    span=lambda spans, model: spans.drawing(model.identity, remote=not model.terms.local),
    seeded=True,
)
_SCORING: Job[tuple[Query, Picture]] = Job(
    kind="score",
    unit=Charge(scores=1),
    request=score_request,
    stand_in=_missing,
    span=lambda spans, model: spans.scoring(model.identity),
)
_ANSWERING: Job[tuple[Picture, Question]] = Job(
    kind="answer",
    unit=Charge(model_calls=1),
    request=answer_request,
    stand_in=_missing,
    span=lambda spans, model: spans.scoring(model.identity),
)
