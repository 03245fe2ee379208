"""What the language models of the settings can do, and what a default run with them would cost: `doctor --llm`."""

from __future__ import annotations

from limner.errors import LimnerError
from limner.graph.checkup import Check
from limner.graph.driving import run
from limner.graph.estimate import estimate
from limner.graph.options import Prepared, settings_of
from limner.graph.wiring import Given, embedded_queries
from limner.llm import OpenAIOptions
from limner.llm.abilities import Abilities, abilities
from limner.llm.models import chat_model

RUNGS = {
    "json_schema": "holds its replies to a JSON schema (json_schema)",
    "json_object": "writes JSON on demand, but holds to no schema (json_object): the schema is told in words",
    "text": "writes text only: the schema is told in words, and the JSON is looked for in what it says",
}


def language_checkup(name: str, base_url: str | None = None) -> list[Check]:
    """Ask the language model of this name a few short questions, and reckon what a default run with it would cost.

    The run is that of the settings, whatever image model they name, on as many requests as the embedded world has.
    """
    settings = settings_of({"agents": name, "chat_url": base_url})
    options = OpenAIOptions(**settings.chat_endpoint(name.partition(":")[2]))
    try:
        chat = chat_model(name, options)
        found = run(lambda: abilities(chat))
    except LimnerError as error:
        return [Check("language model", str(error), ok=False)]
    plan = estimate(Prepared(settings, Given(), embedded_queries(), ()))
    money = "their price is not known: add it to limner.toml as " + _price_lines(name)
    if plan.agents_usd is not None:
        money = f"{plan.agents_usd:.2f} USD"
    return [
        Check("language model", chat.identity),
        *_said(found, options.max_output_tokens),
        Check(
            "cost of a default run",
            f"{plan.model_turns} turns if all replies are usable, {plan.model_turns_most} at most; "
            f"{plan.tokens_most:,} tokens at most, {money}. Limits: budget_tokens, budget_money_usd",
        ),
    ]


def _said(found: Abilities, longest: int) -> list[Check]:
    context = "the endpoint does not say how much it reads"
    if found.context is not None:
        context = f"{found.context:,} tokens"
    short = found.context is not None and found.context <= longest
    if short:
        context += f", of which a reply may take {longest:,}: lower chat.max_output_tokens"
    return [
        Check("structured replies", RUNGS[found.rung]),
        Check("vision", "sees pictures" if found.vision else "does not see pictures; the critic works from texts"),
        Check(
            "logprobs",
            "tells them" if found.logprobs else "does not tell them; as a judge of questions it says its probabilities",
        ),
        Check("context", context, ok=not short),
    ]


def _price_lines(name: str) -> str:
    model = name.partition(":")[2]
    return f'[prices."{model}"] input = ..., output = ... (USD per million tokens, 0 if it is yours)'
