"""Scoring pictures that are there already: a session of its own, through the ledger like every other score.

One scorer is in memory at a time. Scores are against the person's own request, never the prompt that was drawn.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from limner.agents.parser import parse
from limner.agents.questioner import ask
from limner.errors import SettingsError
from limner.graph.options import settings_of
from limner.graph.picture_files import Brought, brought
from limner.graph.session import Session
from limner.graph.wiring import budget, set_threads
from limner.ledger import Ledger, position, recorded
from limner.llm import OpenAIOptions
from limner.protocols import Scorer
from limner.scoring import Judgements, QuestionScorer, combined, fronts, scorer, vision_model
from limner.scoring.models import EMBEDDED
from limner.settings import Settings
from limner.tracing.spans import Spans
from limner.types import Failure, Picture, Query, Score
from limner.weights import model_hash

if TYPE_CHECKING:
    from PIL.Image import Image

QUESTIONS = "questions:"
"""Before the name of a vision model: the rules' questions about the request, answered by it."""

Told = Callable[[str, int, int], None]
"""Called after each batch with the scorer's name, pictures done and pictures in all."""


@dataclass(frozen=True, slots=True)
class ScoredPicture:
    """One picture with its scores by scorer; `problem` says why it could not be read.

    `combined` and `front` are of `limner.scoring.combined`, over the readable pictures of one call; None where a score
    is missing.
    """

    name: str
    session: str
    query: Query | None
    scores: Mapping[str, Score | Failure]
    combined: float | None = None
    front: int | None = None
    problem: str | None = None

    @property
    def values(self) -> dict[str, float | None]:
        """Each scorer's value; None where it could say nothing."""
        return {name: score.value if isinstance(score, Score) else None for name, score in self.scores.items()}

    @property
    def complete(self) -> bool:
        """Whether the picture was read and every scorer gave a value."""
        return self.problem is None and None not in self.values.values()

    @property
    def truncated(self) -> int:
        """Tokens at the end of the request that some scorer had no room for."""
        parts = [score.parts.get("truncated", 0) for score in self.scores.values() if isinstance(score, Score)]
        return int(max(parts, default=0))


def score_pictures(
    pictures: Sequence[str | os.PathLike[str] | Image | Picture],
    query: str | Sequence[str] | None = None,
    *,
    scorers: str | Scorer | Sequence[str | Scorer] | None = None,
    weights: Mapping[str, float] | None = None,
    device: str = "auto",
    dtype: str = "auto",
    batch: int | None = None,
    told: Told | None = None,
    **options: Any,
) -> list[ScoredPicture]:
    """Score pictures for a request; what cannot be read is in its place, saying why.

    Args:
        pictures: paths, Pillow images, or pictures that Limner drew.
        query: the request, or one for each picture; None takes what each picture says of itself.
        scorers: names (docs/scores.md) or scorers; None is the `taste` of the settings, and the embedded one for
            pictures of the embedded painter alone.
        weights: by scorer, for `combined`; equal unless given.
        device: `auto`, `cpu`, `cuda`, ...
        dtype: `auto`, `float32`, `bfloat16` or `float16`.
        batch: pictures per batch; the scorer's own unless given.
        told: called after every batch.
        **options: settings by their names, such as `out` or `torch_threads`.

    Raises:
        QueryError: no pictures, or one without a request.
        UnknownModel, WeightsError: a scorer cannot be had.
        SettingsError: weights that cannot be, a scorer named twice, or no scorer that knows such pictures.
    """
    settings = settings_of(options)
    rows = brought(pictures, query)
    named = _named(_chosen(scorers, settings, rows))
    if weights is not None and (strange := weights.keys() - named.keys()):
        raise SettingsError(f"there is a weight for {', '.join(sorted(strange))}, but no such scorer; name it too")
    set_threads(settings.torch_threads)
    with _session(settings, list(named)) as (session, ledger):
        scores = {
            name: _scores(_built(one, ledger, settings, device, dtype, batch), name, _pairs(rows), told)
            for name, one in named.items()
        }
    return _compared(rows, session, scores, weights or dict.fromkeys(named, 1.0))


@contextmanager
def _session(settings: Settings, scorers: list[str]) -> Iterator[tuple[str, Ledger]]:
    with (
        Session.create(settings.out, f"score-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}") as session,
        Spans.open(session.folder / "trace.jsonl", session.id) as spans,
        Ledger.open(session.folder, budget(settings.budget), spans=spans) as ledger,
    ):
        stored = settings.model_dump(mode="json", exclude={"out"})
        session.begin({"session": session.id, "scorers": scorers, "settings": stored})
        with spans.workflow("score"), position("scorer"):
            yield session.id, ledger


def _chosen(
    given: str | Scorer | Sequence[str | Scorer] | None, settings: Settings, rows: Sequence[Brought]
) -> Sequence[str | Scorer]:
    if given is not None and (isinstance(given, str) or not isinstance(given, Sequence)):
        return [given]
    if given:
        return given
    if "taste" in settings.models.model_fields_set:
        return [settings.models.taste]
    painter = f"diffusers:painter@{model_hash(EMBEDDED / 'painter')}"
    foreign = [row.name for row in rows if row.picture is not None and not row.picture.model.startswith(painter)]
    if foreign:
        raise SettingsError(
            f"{foreign[0]} was not drawn by the embedded painter, and the default scorer knows the embedded world "
            "alone. Name a scorer: --scorer hps:v2.1 for example (scorers=... in Python)."
        )
    return [settings.models.taste]


def _named(scorers: Sequence[str | Scorer]) -> dict[str, str | Scorer]:
    named = {one if isinstance(one, str) else one.identity: one for one in scorers}
    if len(named) < len(scorers):
        raise SettingsError(f"a scorer is named twice among {', '.join(map(str, scorers))}; name each once")
    return named


def _built(
    given: str | Scorer, ledger: Ledger, settings: Settings, device: str, dtype: str, batch: int | None
) -> Scorer:
    """A scorer behind the ledger; of one that asks questions the answers are what is recorded."""
    if not isinstance(given, str):
        return recorded(given, ledger)
    if given.startswith(QUESTIONS):
        model = given.removeprefix(QUESTIONS)
        chat = OpenAIOptions(**settings.chat_endpoint(model.partition(":")[2]))
        vision = vision_model(model, device=device, dtype=dtype, batch=batch, chat=chat)
        return QuestionScorer(recorded(vision, ledger), lambda query: ask(parse(query.text)))
    return recorded(scorer(given, device=device, dtype=dtype, batch=batch), ledger)


def _pairs(rows: Sequence[Brought]) -> list[tuple[Query, Picture]]:
    return [(row.query, row.picture) for row in rows if row.picture is not None and row.query is not None]


def _scores(
    judge: Scorer, name: str, pairs: Sequence[tuple[Query, Picture]], told: Told | None
) -> list[Score | Failure]:
    size = judge.terms.batch
    scores: list[Score | Failure] = []
    for start in range(0, len(pairs), size):
        scores += judge.score(pairs[start : start + size])
        if told is not None:
            told(name, len(scores), len(pairs))
    return scores


def _compared(
    rows: Sequence[Brought],
    session: str,
    scores: Mapping[str, Sequence[Score | Failure]],
    weights: Mapping[str, float],
) -> list[ScoredPicture]:
    """Pictures in order, the readable ones with their scores, each compared with the others of its request."""
    places = iter(range(len(rows)))
    found = [
        ScoredPicture(row.name, session, row.query, {}, problem=row.problem)
        if row.picture is None
        else _at(row, session, scores, next(places))
        for row in rows
    ]
    read = [one for one in found if one.query is not None]
    judged = [Judgements(one.query.id, one.values) for one in read if one.query is not None]
    compared = iter(zip(combined(judged, weights), fronts(judged), strict=True))
    return [one if one.query is None else _placed(one, *next(compared)) for one in found]


def _at(row: Brought, session: str, scores: Mapping[str, Sequence[Score | Failure]], place: int) -> ScoredPicture:
    return ScoredPicture(row.name, session, row.query, {name: every[place] for name, every in scores.items()})


def _placed(one: ScoredPicture, value: float | None, front: int | None) -> ScoredPicture:
    return replace(one, combined=value, front=front)
