"""From settings to dependencies: the one place where models are built by name and put behind the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from limner.agents import Agents
from limner.agents.lists import QuestionList
from limner.errors import QueryError, SettingsError
from limner.generation import Lora, Setup, generator
from limner.graph.deps import EvolveDeps, Professional, QuerySets
from limner.graph.language import family
from limner.graph.manner import manner
from limner.graph.queries import checked, divided, listed
from limner.ledger import Budget, Ledger, recorded
from limner.llm import OpenAIOptions
from limner.prompt_db import PromptDatabase
from limner.protocols import Generator, Scorer, VisionModel
from limner.scoring import scorer, vision_model
from limner.settings import NO_JUDGE, BudgetSettings, Settings
from limner.tracing.spans import Spans
from limner.types import Instruction, Query, Question

EMBEDDED, OWN = "microworld", "callable:"
SEED_PROMPTS = Path(__file__).parents[1] / "microworld" / "data" / "professional.jsonl"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Given:
    """What a caller gives as objects instead of by name; None leaves it to the settings."""

    generator: Generator | None = None
    taste: Scorer | None = None
    vision: VisionModel | None = None
    acceptance: Scorer | None = None
    acceptance_vision: VisionModel | None = None
    agents: Agents | None = None
    professional: Professional | None = None


def named(settings: Settings, given: Given) -> Settings:
    """Settings in which objects given by the caller stand by their identity."""
    objects = {
        "generator": given.generator,
        "taste": given.taste,
        "questions": given.vision,
        "acceptance": given.acceptance,
        "acceptance_questions": given.acceptance_vision,
    }
    names: dict[str, str] = {name: model.identity for name, model in objects.items() if model is not None}
    if given.agents is not None:
        names["agents"] = given.agents.name
    return settings.model_copy(update={"models": settings.models.model_copy(update=names)})


def setup(settings: Settings) -> Setup:
    """How pipelines of this process are put into memory."""
    said = settings.generation
    loras = tuple(Lora(one.path, one.weight) for one in said.loras)
    return Setup(**said.model_dump(exclude={"loras"}), loras=loras)


def check_judges(settings: Settings) -> None:
    """Refuse to judge another generator's pictures by the embedded world's judges unless that is asked for.

    Raises:
        SettingsError: naming the judge that was left at its default.
    """
    models, search = settings.models, settings.evolve
    weights = {"taste": search.taste_weight, "questions": search.questions_weight}
    unsaid = [name for name, weight in weights.items() if weight and name not in models.model_fields_set]
    if unsaid and models.generator != EMBEDDED:
        raise SettingsError(
            f"The pictures of {models.generator!r} have no judge for {' and '.join(unsaid)}: the default judges know "
            f"the embedded world alone. Name a model (taste: hps:v2.1, questions: transformers:ID) or {NO_JUDGE!r}."
        )


def query_sets(
    settings: Settings, given: Sequence[str] | QuerySets | QuestionList | None
) -> tuple[QuerySets, list[str]]:
    """The run's queries: divided already, to be divided, or the embedded world's own for its own painter.

    Raises:
        QueryError: unusable queries, or none for a generator that has no queries of its own.
    """
    if isinstance(given, QuerySets):
        if not given.search:
            raise QueryError("There are no queries to search on. Give QuerySets at least one in `search`.")
        return given, []
    if isinstance(given, QuestionList):
        return listed(given, settings.evolve.seed)
    if given is not None:
        return divided(checked(given), settings.evolve.seed)
    if settings.models.generator != EMBEDDED:
        raise QueryError(f"Generator {settings.models.generator!r} needs queries: give some, or a file with --queries.")
    return embedded_queries(), []


def embedded_queries() -> QuerySets:
    """The embedded world's queries, in the splits that it ships."""
    from limner.microworld.queries import queries

    search, validation, held_out = (tuple(queries(split)) for split in ("search", "validation", "held_out"))
    return QuerySets(search, validation, held_out)


def budget(settings: BudgetSettings) -> Budget:
    """The ledger's budget."""
    return Budget(**settings.model_dump())


def build_models(settings: Settings, given: Given) -> Given:
    """Build by name whatever was not given as an object.

    Raises:
        UnknownModel: a name means nothing.
        WeightsError: a model's files are missing or wrong.
        SettingsError: there is nothing to judge pictures by, or a resumed session lacks its caller's own models.
    """
    models, search = settings.models, settings.evolve
    _check_own(settings, given)
    set_threads(settings.torch_threads)
    drawing = given.generator or generator(
        models.generator, batch=models.batch, setup=setup(settings), **settings.endpoint()
    )
    built = Given(
        generator=drawing,
        taste=given.taste or (scorer(models.taste) if used(models.taste, search.taste_weight) else None),
        vision=given.vision
        or (_vision(settings, models.questions) if used(models.questions, search.questions_weight) else None),
        acceptance=given.acceptance or _accepting(models.acceptance),
        acceptance_vision=given.acceptance_vision or _accepting_vision(settings),
        agents=given.agents or family(settings, **manner(settings, drawing)),
        professional=given.professional or PromptDatabase.memory([SEED_PROMPTS]).professional_for,
    )
    if built.taste is None and built.vision is None:
        raise SettingsError("There is no judge: give models.taste or models.questions a model and a weight above 0.")
    steering = {judge.identity for judge in (built.taste, built.vision) if judge is not None}
    for role, judge in (("acceptance", built.acceptance), ("acceptance_questions", built.acceptance_vision)):
        if judge is not None and judge.identity in steering:
            raise SettingsError(
                f"The acceptance judge {judge.identity!r} steers the search already, so it proves nothing. Give "
                f"models.{role} another one, or none."
            )
    return built


def _vision(settings: Settings, name: str) -> VisionModel:
    return vision_model(name, chat=OpenAIOptions(**settings.chat_endpoint(name.partition(":")[2])))


def _accepting(name: str | None) -> Scorer | None:
    return None if name in (None, NO_JUDGE) else scorer(str(name))


def _accepting_vision(settings: Settings) -> VisionModel | None:
    name = settings.models.acceptance_questions
    return None if name in (None, NO_JUDGE) else _vision(settings, str(name))


def _check_own(settings: Settings, given: Given) -> None:
    """See that the functions with which a session began are there again: a name alone does not bring them back."""
    models = settings.models
    named_only = {
        "generator": None if given.generator else models.generator,
        "taste": None if given.taste else models.taste,
        "acceptance": None if given.acceptance else models.acceptance,
    }
    for role, name in named_only.items():
        if name and name.startswith(OWN):
            raise SettingsError(
                f"The session's {role} is {name!r}, a function of yours, which cannot be stored: give it again with "
                f"limner.evolve(resume=..., {role}=...)."
            )


def used(judge: str, weight: float) -> bool:
    """Whether a judge named in the settings takes part."""
    return judge != NO_JUDGE and weight > 0


def assemble(settings: Settings, models: Given, sets: QuerySets, ledger: Ledger, spans: Spans) -> EvolveDeps:
    """Put the models behind the ledger and gather what the graph needs."""
    search = settings.evolve
    weights = {
        "taste_weight": search.taste_weight if models.taste else 0.0,
        "questions_weight": search.questions_weight if models.vision else 0.0,
    }
    agent_set = _there(models.agents).behind(lambda chat: recorded(chat, ledger))
    professional = _there(models.professional)
    return EvolveDeps(
        generator=recorded(_there(models.generator), ledger),
        taste=recorded(models.taste, ledger) if models.taste else None,
        vision=recorded(models.vision, ledger) if models.vision else None,
        acceptance=recorded(models.acceptance, ledger) if models.acceptance else None,
        acceptance_vision=recorded(models.acceptance_vision, ledger) if models.acceptance_vision else None,
        agents=agent_set,
        professional=professional,
        queries=sets,
        ledger=ledger,
        settings=search.model_copy(update=weights),
        drawing=settings.drawing,
        start=Instruction(search.start or agent_set.start),
        spans=spans,
    )


def queries_record(sets: QuerySets) -> dict[str, list[dict[str, Any]]]:
    """Queries as session.json holds them, with the questions that came with them."""
    groups = {"search": sets.search, "validation": sets.validation, "held_out": sets.held_out}
    return {name: [_query_record(query, sets.asked.get(query.id)) for query in group] for name, group in groups.items()}


def _query_record(query: Query, asked: Sequence[Question] | None) -> dict[str, Any]:
    row: dict[str, Any] = {"id": query.id, "text": query.text}
    if asked:
        row["questions"] = [{"text": one.text, "kind": one.kind, "needs": list(one.needs)} for one in asked]
    return row


def recorded_queries(record: dict[str, list[dict[str, Any]]]) -> QuerySets:
    """Queries from session.json."""
    rows = [record[name] for name in ("search", "validation", "held_out")]
    asked = {
        row["id"]: tuple(Question(one["text"], one["kind"], tuple(one["needs"])) for one in row["questions"])
        for group in rows
        for row in group
        if row.get("questions")
    }
    search, validation, held_out = (tuple(Query(row["id"], row["text"]) for row in group) for group in rows)
    return QuerySets(search, validation, held_out, asked)


def _there(value: T | None) -> T:
    assert value is not None, "build_models fills in every model"
    return value


def set_threads(count: int | None) -> None:
    """Let torch use so many threads; None leaves its own choice."""
    if count is not None:
        import torch

        torch.set_num_threads(count)
