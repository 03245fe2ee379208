"""`limner score`: judge pictures that are there already."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from limner.cli.console import QuietFlag, err
from limner.cli.writing import BaseUrlOption

if TYPE_CHECKING:
    from limner.graph.scoring import ScoredPicture

JsonLinesFlag = Annotated[bool, typer.Option("--json", help="Print one JSON object per picture, with stable keys.")]


def score(
    picture: Annotated[list[str], typer.Argument(help="Picture files.")],
    query: Annotated[str | None, typer.Option(help="The request. [what each picture says of itself]")] = None,
    scorer: Annotated[
        list[str] | None, typer.Option(help="hps:..., pickscore:..., aesthetic:..., questions:...; may be repeated.")
    ] = None,
    weight: Annotated[list[str] | None, typer.Option(help="SCORER=NUMBER in the combined score. [all equal]")] = None,
    pareto: Annotated[bool, typer.Option("--pareto", help="Show which pictures no other one beats.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...")] = "auto",
    dtype: Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")] = "auto",
    batch: Annotated[int | None, typer.Option(help="Pictures at once. [the scorer's own]", min=1, max=1024)] = None,
    base_url: BaseUrlOption = None,
    out: Annotated[Path | None, typer.Option(help="Where sessions are kept. [runs]")] = None,
    json: JsonLinesFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Score pictures for a request, one line each; exit 1 if one cannot be read or scored."""
    from limner.graph.scoring import score_pictures

    console = err()

    def told(name: str, done: int, total: int) -> None:
        console.print(f"{name}: {done}/{total}", soft_wrap=True, markup=False)

    scored = score_pictures(
        picture,
        query,
        scorers=scorer,
        weights=_weights(weight),
        device=device,
        dtype=dtype,
        batch=batch,
        told=None if quiet else told,
        base_url=base_url,
        out=out,
    )
    several = len({name for one in scored for name in one.scores}) > 1
    for one in scored:
        if json:
            print(jsonlib.dumps(_row(one), ensure_ascii=False))
        elif one.problem is None:
            print(_line(one, several=several, pareto=pareto))
    for line in _remarks(scored):
        console.print(line, soft_wrap=True, markup=False)
    if not all(one.complete for one in scored):
        raise typer.Exit(1)


def _weights(given: Sequence[str] | None) -> dict[str, float] | None:
    weights = {}
    for text in given or ():
        name, _, number = text.rpartition("=")
        try:
            weights[name] = float(number)
        except ValueError:
            name = ""
        if not name:
            raise typer.BadParameter(f"{text!r} is no weight; say SCORER=NUMBER, such as hps:v2.1=2")
    return weights or None


def _row(one: ScoredPicture) -> dict[str, Any]:
    return {
        "file": one.name,
        "query": one.query.text if one.query else None,
        "scores": one.values,
        "combined": one.combined,
        "front": one.front,
        "truncated": one.truncated,
        "error": one.problem or _unscored(one),
        "session": one.session,
    }


def _line(one: ScoredPicture, *, several: bool, pareto: bool) -> str:
    shown = [f"{name} {_number(value)}" for name, value in one.values.items()]
    if several:
        shown.append(f"combined {_number(one.combined)}")
    if pareto:
        shown.append(f"front {one.front or '-'}")
    return "  ".join([one.name, *shown])


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _unscored(one: ScoredPicture) -> str | None:
    """Why a picture that was read lacks a score."""
    from limner.types import Failure

    for name, score in one.scores.items():
        if isinstance(score, Failure):
            return f"{name}: {score.reason}"
        if score.value is None:
            return f"{name} gave no number"
    return None


def _remarks(scored: Sequence[ScoredPicture]) -> list[str]:
    """What was left out, and requests of which a scorer did not see the end."""
    lines = [f"Skipped {one.name}: {one.problem}" for one in scored if one.problem]
    lines += [f"Not scored {one.name}: {why}" for one in scored if (why := _unscored(one))]
    cut = {one.query.text: one.truncated for one in scored if one.query is not None and one.truncated}
    lines += [f"The last {n} tokens of {text[:60]!r}... were cut: CLIP reads 77." for text, n in cut.items()]
    return lines
