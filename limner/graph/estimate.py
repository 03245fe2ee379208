"""What a run would cost at most, without a single call: `--dry-run`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from limner.agents.parser import parse
from limner.agents.questioner import ask
from limner.agents.thinking.questioner import MOST
from limner.graph.language import ROLES
from limner.graph.options import Prepared
from limner.graph.planning import affordable, fitted
from limner.graph.wiring import used
from limner.llm.models import SCHEMES
from limner.results import COLUMNS
from limner.settings import NO_JUDGE, PER_MILLION, Price, Settings

WRITTEN_COLUMNS = 2
"""Columns of the final table whose prompts are written: start and evolved."""
TRIES = {"writer": 8, "critic": 4, "modifier": 4, "questioner": 4}
"""Turns that one piece of work can take: asked and repaired, each of them lost once; and a writer may write again."""
ANSWER_TOKENS = 1_200
"""Tokens that are allowed for a question with its picture."""
LOOKED_TWICE = 2
"""How many times as many where the writer's model checks each prompt, too."""
ASKED_TOKENS = {"writer": 3_000, "critic": 16_000, "modifier": 4_000, "questioner": 3_000}
"""Tokens that are allowed for what each role is sent in one turn, far above what common requests need."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Upper bounds in pictures by phase; money where prices are known (local models cost nothing).

    `model_turns` is what language models are asked if every reply is usable; `model_turns_most` with every reply
    repaired, lost or written again, and `tokens_most` and `agents_usd` go with that. `answers_most` is what vision
    models are asked, in all wordings, with the tokens and USD of those that are remote. Money is None where a price is
    not known.
    """

    generator: str
    rounds: int
    pictures_per_round: int
    search: int
    validation: int
    held_out: int
    total: int
    budget_pictures: int | None
    money_usd: float | None
    model_turns: int
    model_turns_most: int
    tokens_most: int
    agents_usd: float | None
    answers_most: int = 0
    answer_tokens_most: int = 0
    answers_usd: float | None = 0.0


def estimate(prepared: Prepared) -> Estimate:
    """The most that a run can cost: a full pool, children and professional prompts in every round."""
    search, models = prepared.settings.evolve, prepared.settings.models
    price = models.price_per_picture if models.generator.startswith("images:") else 0.0
    budget = affordable(prepared.settings.budget, price)
    queries = min(search.batch, len(prepared.queries.search))
    arms = search.pool - 1 + search.children
    per_round = (arms + search.professionals) * queries
    first = (1 + search.professionals) * queries
    final = fitted(search, prepared.queries, budget)
    validation = final.validation * (search.finalists + 1)
    held_out = final.held_out * len(COLUMNS)
    searched = first + per_round * (search.rounds - 1)
    if budget is not None:
        searched = min(searched, max(budget - validation - held_out, 0))
    total = searched + validation + held_out
    work = {
        "writer": queries + arms * queries * (search.rounds - 1) + validation + final.held_out * WRITTEN_COLUMNS,
        "critic": search.rounds,
        "modifier": search.rounds * search.children,
        "questioner": _asked(prepared, final.validation + final.held_out),
    }
    turns, most, tokens, usd = _language(prepared.settings, work)
    answers = _answers(prepared, total, held_out)
    return Estimate(
        generator=models.generator,
        rounds=search.rounds,
        pictures_per_round=per_round,
        search=searched,
        validation=validation,
        held_out=held_out,
        total=total,
        budget_pictures=prepared.settings.budget.pictures,
        money_usd=None if price is None else price * total,
        model_turns=turns,
        model_turns_most=most,
        tokens_most=tokens,
        agents_usd=usd,
        answers_most=answers.asked,
        answer_tokens_most=answers.tokens,
        answers_usd=answers.usd,
    )


class _Answers(NamedTuple):
    """What vision models are asked at most; tokens and USD of remote ones."""

    asked: int = 0
    tokens: int = 0
    usd: float | None = 0.0


def _answers(prepared: Prepared, pictures: int, held_out: int) -> _Answers:
    """Every picture of the run asked by the judge that steers, the final table's by the one that accepts."""
    settings, models, search = prepared.settings, prepared.settings.models, prepared.settings.evolve
    each = _questions_each(prepared) * search.phrasings
    asked = {models.questions: pictures} if used(models.questions, search.questions_weight) else {}
    if models.acceptance_questions not in (None, NO_JUDGE):
        asked[str(models.acceptance_questions)] = held_out
    count = tokens = 0
    usd: float | None = 0.0
    for name, seen in asked.items():
        count += seen * each
        scheme, _, model = name.partition(":")
        if scheme not in SCHEMES:
            continue
        price = settings.prices.get(model, Price())
        sent, said = seen * each * ANSWER_TOKENS, seen * each * settings.chat.max_output_tokens
        tokens += sent + said
        if usd is None or price.input is None or price.output is None:
            usd = None
        else:
            usd += (sent * price.input + said * price.output) / PER_MILLION
    return _Answers(count, tokens, usd)


def _questions_each(prepared: Prepared) -> int:
    """The most questions about one request: of the list that came with it, by rule, or as many as a model may ask."""
    sets, models = prepared.queries, prepared.settings.models
    if (models.questioner or models.agents).partition(":")[0] in SCHEMES and not sets.asked:
        return MOST
    queries = (*sets.search, *sets.validation, *sets.held_out)
    return max((len(sets.asked.get(query.id) or ask(parse(query.text))) for query in queries), default=0)


def _asked(prepared: Prepared, final: int) -> int:
    """Requests that are taken apart into questions, each once."""
    search = prepared.settings.evolve
    if not used(prepared.settings.models.questions, search.questions_weight):
        return 0
    return min(search.rounds * search.batch, len(prepared.queries.search)) + final


def _language(settings: Settings, work: dict[str, int]) -> tuple[int, int, int, float | None]:
    """Turns if all goes well, turns, tokens and USD at most, of the roles that language models play."""
    turns = most = tokens = 0
    usd: float | None = 0.0
    for role in ROLES:
        scheme, _, model = (getattr(settings.models, role) or settings.models.agents).partition(":")
        if scheme not in SCHEMES:
            continue
        price = settings.prices.get(model, Price())
        looks = LOOKED_TWICE if role == "writer" and settings.writing.second_look else 1
        times = work[role] * TRIES[role] * looks
        sent, said = times * ASKED_TOKENS[role], times * settings.chat.max_output_tokens
        turns, most, tokens = turns + work[role], most + times, tokens + sent + said
        if usd is None or price.input is None or price.output is None:
            usd = None
        else:
            usd += (sent * price.input + said * price.output) / PER_MILLION
    return turns, most, tokens, usd
