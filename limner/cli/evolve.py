"""`limner evolve`: evolve an instruction from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limner.cli.console import JsonFlag, QuietFlag, err, interval_text, out, print_json
from limner.cli.drawing import (
    DeviceOption,
    DtypeOption,
    GuidanceOption,
    HeightOption,
    LoraOption,
    OffloadOption,
    SchedulerOption,
    StepsOption,
    WidthOption,
    generation_settings,
)
from limner.cli.writing import AgentsOption, BaseUrlOption, LockOption, PresetOption, StyleNeutralOption

if TYPE_CHECKING:
    from limner.agents.lists import QuestionList
    from limner.graph.estimate import Estimate
    from limner.results import EvolveResult


def evolve(
    query: Annotated[
        list[str] | None, typer.Argument(help="Requests for pictures; none: the embedded world's.")
    ] = None,
    queries: Annotated[
        Path | None, typer.Option(help="File of requests: one a line, .jsonl, or a benchmark's with its questions.")
    ] = None,
    queries_format: Annotated[
        str | None, typer.Option(help="geneval, geneval2, conceptmix, dpg-bench, t2i-compbench. [found out]")
    ] = None,
    generator: Annotated[str | None, typer.Option(help="Image model: microworld, diffusers:ID, images:MODEL.")] = None,
    taste: Annotated[str | None, typer.Option(help="Preference scorer: microworld, hps:v2.1, hps:PATH, none.")] = None,
    questions: Annotated[
        str | None, typer.Option(help="Vision model for yes/no checks: microworld, transformers:ID, none.")
    ] = None,
    acceptance: Annotated[
        str | None, typer.Option(help="Scorer that sees the held-out pictures alone: hps:PATH, ... [none]")
    ] = None,
    acceptance_questions: Annotated[
        str | None, typer.Option(help="Vision model that is asked about held-out pictures alone. [none]")
    ] = None,
    phrasings: Annotated[int | None, typer.Option(help="2 asks each question in two wordings. [1]")] = None,
    agents: AgentsOption = None,
    writer: Annotated[str | None, typer.Option(help="Who writes, where it is not the agents.")] = None,
    critic: Annotated[str | None, typer.Option(help="Who criticises, where it is not the agents.")] = None,
    modifier: Annotated[str | None, typer.Option(help="Who writes instructions, where it is not the agents.")] = None,
    questioner: Annotated[str | None, typer.Option(help="Who asks, where it is not the agents.")] = None,
    base_url: BaseUrlOption = None,
    chat_url: Annotated[
        str | None, typer.Option(help="Address of the language models' endpoint, where it is another.")
    ] = None,
    preset: PresetOption = None,
    locked: LockOption = None,
    style_neutral: StyleNeutralOption = None,
    second_look: Annotated[
        bool | None, typer.Option("--second-look", help="Let the writer's model check every prompt, too.")
    ] = None,
    sees: Annotated[bool | None, typer.Option("--critic-sees", help="Show the critic pictures.")] = None,
    price_per_picture: Annotated[float | None, typer.Option(help="USD per picture of a remote generator.")] = None,
    steps: StepsOption = None,
    guidance: GuidanceOption = None,
    width: WidthOption = None,
    height: HeightOption = None,
    scheduler: SchedulerOption = None,
    lora: LoraOption = None,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    offload: OffloadOption = None,
    rounds: Annotated[int | None, typer.Option(help="Rounds of search at most. [30]")] = None,
    pool: Annotated[int | None, typer.Option(help="Instructions that survive a round. [3]")] = None,
    batch: Annotated[int | None, typer.Option(help="Fresh requests per round. [1]")] = None,
    children: Annotated[int | None, typer.Option(help="New instructions per round at most. [3]")] = None,
    professionals: Annotated[int | None, typer.Option(help="Professional prompts per request and round. [1]")] = None,
    bandit: Annotated[str | None, typer.Option(help="additive, ucb, bigpe, greedy ... [additive]")] = None,
    start: Annotated[str | None, typer.Option(help="The instruction to begin with.")] = None,
    validation: Annotated[int | None, typer.Option(help="Requests of the final choice. [16]")] = None,
    held_out: Annotated[int | None, typer.Option(help="Requests of the final table. [36]")] = None,
    budget_pictures: Annotated[int | None, typer.Option(help="Pictures at most.")] = None,
    budget_model_calls: Annotated[int | None, typer.Option(help="Chat turns and vision answers at most.")] = None,
    budget_tokens: Annotated[int | None, typer.Option(help="Tokens at most.")] = None,
    budget_money_usd: Annotated[float | None, typer.Option(help="US dollars at most.")] = None,
    budget_seconds: Annotated[float | None, typer.Option(help="Seconds at most; overrun by one batch at most.")] = None,
    budget_allow_unknown_price: Annotated[
        bool | None, typer.Option("--allow-unknown-price", help="Call models whose price is not known.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, settings and machine: same result. [0]")] = None,
    out_folder: Annotated[Path | None, typer.Option("--out", help="Where sessions are kept. [runs]")] = None,
    resume: Annotated[str | None, typer.Option(help="Session to go on with, by name or directory.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would cost, and call nothing.")] = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Evolve the instruction by which requests are rewritten for an image model."""
    given = {name: value for name, value in locals().items() if name not in _NOT_OPTIONS and value not in (None, [])}
    if out_folder is not None:
        given["out"] = out_folder
    given |= {name: one for name, one in generation_settings(device, dtype, offload, lora).items() if one is not None}
    from limner.graph.estimate import estimate
    from limner.graph.options import prepare

    prepared = prepare(_texts(query, queries, queries_format), resume=resume, **given)
    if dry_run:
        show_estimate(estimate(prepared), json)
        return
    result = watched_run(prepared, quiet=quiet)
    show(result, json)


_LOADED = {"lora", "device", "dtype", "offload"}
_NOT_OPTIONS = {"query", "queries", "queries_format", "out_folder", "resume", "dry_run", "json", "quiet"} | _LOADED


def _texts(query: list[str] | None, file: Path | None, form: str | None) -> list[str] | QuestionList | None:
    from limner.errors import UsageError
    from limner.graph.queries import queries_of

    if file is None:
        return query or None
    found = queries_of(file, form)
    if isinstance(found, list):
        return [*(query or []), *found]
    if query:
        raise UsageError(f"{file} is a question list of {found.form}: give it alone, without requests beside it.")
    return found


def watched_run(prepared: Any, *, quiet: bool, command: str = "evolve") -> EvolveResult:
    """Carry out a run with its progress on stderr; when interrupted, say how to go on."""
    from limner.cli.progress import Watcher
    from limner.graph.api import run_sync

    watcher = Watcher(err(), prepared.settings.evolve, quiet=quiet)
    try:
        with watcher:
            return run_sync(prepared, watcher)
    except KeyboardInterrupt:
        if watcher.folder is not None:
            line = f"Interrupted. Go on with: limner {command} --resume {watcher.folder}"
            err().print(line, soft_wrap=True, markup=False)
        raise


def show_estimate(plan: Estimate, json: bool) -> None:
    """Print what a run would cost."""
    from dataclasses import asdict

    if json:
        print_json(asdict(plan))
        return
    money = "unknown" if plan.money_usd is None else f"{plan.money_usd:.2f} USD"
    out().print(
        f"At most {plan.total} pictures with {plan.generator} ({money}): {plan.search} to search in up to "
        f"{plan.rounds} rounds, {plan.validation} for the final choice, {plan.held_out} for the final table. "
        f"{_agents_cost(plan)}{_answers(plan)}Nothing was called.",
        soft_wrap=True,
    )


def _agents_cost(plan: Estimate) -> str:
    """What language models would cost, where there are any."""
    if not plan.model_turns:
        return ""
    money = "their price is unknown" if plan.agents_usd is None else f"{plan.agents_usd:.2f} USD"
    return (
        f"{plan.model_turns} turns of language models if all replies are usable, at most {plan.model_turns_most} with "
        f"{plan.tokens_most:,} tokens ({money}). "
    )


def _answers(plan: Estimate) -> str:
    """What vision models would be asked, where there are any."""
    if not plan.answers_most:
        return ""
    money = "of a price that is not known" if plan.answers_usd is None else f"for {plan.answers_usd:.2f} USD"
    paid = f", {plan.answer_tokens_most:,} tokens {money}" if plan.answer_tokens_most else ""
    return f"At most {plan.answers_most:,} answers of vision models{paid}. "


def show(result: EvolveResult, json: bool) -> None:
    """Print a result: the table, the instruction, and where the report is."""
    from limner.graph.api import as_json
    from limner.tracing.report.verdict import verdict

    row = as_json(result)
    if json:
        print_json(row)
        return
    console = out()
    console.print(table(row))
    for note in result.notes:
        console.print(f"Note: {note}", markup=False)
    said = verdict(result)
    console.print(f"\n{said.headline} {said.detail}", markup=False)
    console.print(f'Best instruction ({result.instruction.id}): "{result.instruction.text}"', markup=False)
    spend = result.spend
    console.print(
        f"Stopped: {result.stop_reason}. Spent: {spend.pictures} pictures, {spend.model_calls} model calls, "
        f"{spend.scores} scores, {spend.seconds:.0f} s."
    )
    for name, count in result.failures.items():
        console.print(f"Counted: {count} {name}.")
    console.print(f"Report: {result.report}", soft_wrap=True, markup=False)


def table(row: dict[str, Any]) -> Any:
    """The final table: one row per column of the comparison, on held-out requests."""
    from rich.table import Table

    from limner.results import JUDGES

    grid = Table(title="Held-out requests, means with 95 % intervals", title_justify="left")
    judges = [judge for judge in JUDGES if any(column[judge] for column in row["columns"])]
    for heading in ("", *judges, "pictures"):
        grid.add_column(heading, justify="right" if heading else "left", no_wrap=not heading)
    for column in row["columns"]:
        cells = [interval_text(column[name]) for name in judges]
        grid.add_row(NAMES[column["name"]], *cells, str(column["pictures"]))
    return grid


NAMES = {
    "plain": "plain request",
    "start": "start instruction",
    "professional": "professional prompt",
    "evolved": "evolved instruction",
}
