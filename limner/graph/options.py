"""What a caller asks for, checked before the first model is loaded: options by name, objects, queries, a session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from limner import settings as settings_module
from limner.agents.lists import QuestionList
from limner.errors import CorruptSession, SettingsError, UsageError
from limner.graph.deps import QuerySets
from limner.graph.session import Session
from limner.graph.wiring import Given, budget, check_judges, named, query_sets, recorded_queries
from limner.ledger import Budget
from limner.protocols import Generator, Scorer, VisionModel
from limner.settings import (
    NO_JUDGE,
    BudgetSettings,
    ChatSettings,
    DrawingSettings,
    EvolveSettings,
    GenerationSettings,
    ModelSettings,
    Settings,
    WritingSettings,
)

OBJECTS = {
    "generator": "generator",
    "taste": "taste",
    "questions": "vision",
    "acceptance": "acceptance",
    "acceptance_questions": "acceptance_vision",
    "agents": "agents",
}
"""Options that may be a name or an object, and the field of `Given` that takes the object."""
PROTOCOLS: dict[str, type] = {
    "generator": Generator,
    "taste": Scorer,
    "questions": VisionModel,
    "acceptance": Scorer,
    "acceptance_questions": VisionModel,
}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A run before it begins: settings, objects given by the caller, queries, remarks.

    `resume` is the directory of a session to go on with, `session` the name of a new one (None: made from the time).
    """

    settings: Settings
    given: Given
    queries: QuerySets
    notes: tuple[str, ...]
    resume: Path | None = None
    session: str | None = None


def prepare(
    queries: Sequence[str] | QuerySets | QuestionList | None = None, *, resume: str | Path | None = None, **options: Any
) -> Prepared:
    """Check everything that can be checked before the first model is loaded; see `evolve` for the arguments."""
    objects, values = _objects(options)
    session = values.pop("session", None)
    if resume is None:
        settings = named(settings_module.load(**_sections(values)), objects)
        check_judges(settings)
        budget(settings.budget)
        sets, notes = query_sets(settings, queries)
        return Prepared(settings, objects, sets, tuple(notes), session=session)
    folder = _folder(resume, values)
    with Session.open(folder) as session:
        record = session.record()
    try:
        stored, sets = record["settings"], recorded_queries(record["queries"])
        notes = record["notes"]
    except (KeyError, TypeError) as error:
        raise CorruptSession(f"{folder}/session.json lacks {error}. Begin a new session.") from error
    settings = named(settings_module.load(**_overlaid(stored, _sections(values))), objects)
    if queries is not None:
        sets, notes = query_sets(settings, queries)
    return Prepared(settings, objects, sets, tuple(notes), folder)


def _objects(options: dict[str, Any]) -> tuple[Given, dict[str, Any]]:
    values = dict(options)
    objects = {"professional": values.pop("professional", None)}
    for name, field in OBJECTS.items():
        if name in values and not isinstance(values[name], str | None):
            objects[field] = _object(name, values.pop(name))
    for judge in ("taste", "questions"):
        if judge in values and values[judge] is None:
            values[judge] = NO_JUDGE
    return Given(**objects), values


def _object(name: str, value: Any) -> Any:
    """A caller's own object, as it is.

    Raises:
        UsageError: it lacks what its place needs.
    """
    kind = PROTOCOLS.get(name)
    if kind is None or isinstance(value, kind):
        return value
    scorer = "limner.scorer(function, name=...)"
    wrap = {"generator": "limner.generator(function, name=...)", "taste": scorer, "acceptance": scorer}
    hint = f"; a function of yours is wrapped by {wrap[name]}" if name in wrap else ""
    raise UsageError(f"{value!r} cannot be the {name}: it is no {kind.__name__} (see limner.protocols){hint}.")


SECTIONS: dict[str, type[BaseModel]] = {
    "evolve": EvolveSettings,
    "models": ModelSettings,
    "drawing": DrawingSettings,
    "generation": GenerationSettings,
    "chat": ChatSettings,
    "writing": WritingSettings,
}


def settings_of(options: dict[str, Any]) -> Settings:
    """Settings in which these options, by name, come before environment and file.

    Raises:
        SettingsError: there is no such option, or its value cannot be.
    """
    return settings_module.load(**_sections(options))


def _sections(values: dict[str, Any]) -> dict[str, Any]:
    """Options by the section of the settings that they belong to."""
    sections: dict[str, Any] = {"budget": {}, **{section: {} for section in SECTIONS}}
    for name, value in values.items():
        homes = [section for section, fields in SECTIONS.items() if name in fields.model_fields]
        if homes:
            sections[homes[0]][name] = value
        elif name.startswith("budget_") and name.removeprefix("budget_") in BudgetSettings.model_fields:
            sections["budget"][name.removeprefix("budget_")] = value
        elif name == "budget" and isinstance(value, Budget):
            sections["budget"] = asdict(value)
        elif name in ("out", "torch_threads", "prices"):
            sections[name] = value
        else:
            raise SettingsError(f"There is no option {name!r}. The options of evolve are those of limner.settings.")
    return sections


def _overlaid(stored: dict[str, Any], sections: dict[str, Any]) -> dict[str, Any]:
    overlaid = dict(stored)
    for name, value in sections.items():
        if isinstance(value, dict):
            overlaid[name] = {**stored.get(name, {}), **{key: one for key, one in value.items() if one is not None}}
        elif value is not None:
            overlaid[name] = value
    return overlaid


def _folder(resume: str | Path, values: dict[str, Any]) -> Path:
    path = Path(resume)
    if path.is_dir():
        return path
    return Path(values.get("out") or settings_module.load().out) / path
