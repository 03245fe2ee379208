"""`limner bench evolve`: is the evolved instruction better on unseen requests, and honest where it is not?

Every method has the same number of pictures to search with and the same held-out requests, drawn with the same seeds;
the oracle, which steers nothing, judges. Differences are paired by request and clustered by seed. Each part (a method
of a seed, a run of the null world) is kept as it ends: a stopped bench goes on, and seeds can be measured in pieces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from operator import gt, le
from pathlib import Path
from typing import Any

from limner.agents import START
from limner.bench import best_known
from limner.bench.conditions import conditions
from limner.bench.evolve_null import null_claims
from limner.bench.evolve_rivals import ablations as ablated
from limner.bench.evolve_rivals import searches
from limner.bench.evolve_seed import MEASURES, Size, Stage, drawn, embedded_stage, searched
from limner.bench.kept import Kept
from limner.bench.world.targets import Target, judged
from limner.scoring.reward import RewardWeights
from limner.statistics import clustered_by_seed, mean_interval, paired_by_seed, paired_difference, ratio_by_seed
from limner.types import Interval

FULL = Size(search=600, validation=16, held_out=100, seeds=20, null_runs=200)
QUICK = Size(search=24, validation=2, held_out=4, seeds=2, null_runs=2)
NULL: dict[str, Any] = {}
QUICK_NULL: dict[str, Any] = {"professionals": 0, "rounds": 2, "validation": 4, "held_out": 8}
"""How the null world's runs differ from evolve's defaults: in the quick form, for the sake of time."""
WITHOUT_SEARCH: dict[str, str | None] = {"plain": None, "start": START.text, "professional": None}

TARGETS = {
    "evolved_minus_start": Target(("evolved_minus_start", "mean"), 0.15),
    "evolved_minus_start, low": Target(("evolved_minus_start", "low"), 0.0, gt),
    "evolved_minus_random, low": Target(("evolved_minus_random", "low"), 0.0, gt),
    "evolved_minus_professional, low": Target(("evolved_minus_professional", "low"), -0.05),
    "fraction_of_best": Target(("fraction_of_best", "mean"), 0.8),
    "null_false_gains": Target(("null_false_gains",), 0.10, le),
}

Parts = Mapping[int, Mapping[str, Mapping[str, Any]]]
"""Seed -> method -> what was kept: `shots` (query -> MEASURES), and for a search what it found and cost."""


def measure(
    *,
    quick: bool = False,
    ablations: bool = False,
    surrogate: bool = False,
    pictures: int | None = None,
    seeds: Sequence[int] | None = None,
    out: Path | None = None,
) -> dict[str, Any]:
    """Measure evolve against other ways of asking.

    Args:
        quick: a small run that shows that the command works.
        ablations: also evolve with one part taken out, each beside the whole.
        surrogate: on the fitted surrogate of the embedded world, which draws nothing, with more seeds; it has no null
            world and no targets.
        pictures: as many for every search, without its final choice; `FULL.search` unless given.
        seeds: these alone (to measure in pieces, before all of them are put together); all unless given.
        out: where sessions and parts are kept; a later call with the same folder goes on.
    """
    size = sizes(quick=quick, pictures=pictures)
    if surrogate:
        return _on_surrogate(replace(size, seeds=size.seeds * 5), quick, ablations, seeds, out)
    stage = embedded_stage(size, folder_of(out, quick=quick))
    kept = kept_parts(stage)
    best, reason = best_known.instruction(stage.generator.identity)
    chosen = list(range(size.seeds)) if seeds is None else list(seeds)
    parts = measured(stage, kept, chosen, ablations=ablations, best=best)
    null = null_claims(kept, size.null_runs, **(QUICK_NULL if quick else NULL)) if seeds is None else None
    figures = {**summary(parts), "null_false_gains": null and null["false_gains"], "null": null}
    return {
        **figures,
        "targets": judged(figures, TARGETS),
        "world": "painter",
        "best_known": {"instruction": best, "reason": reason},
        **_measured_with(stage, parts, chosen, quick),
    }


def _on_surrogate(
    size: Size, quick: bool, ablations: bool, seeds: Sequence[int] | None, out: Path | None
) -> dict[str, Any]:
    from limner.bench.evolve_surrogate import best_of, fit, surrogate_stage

    stage = surrogate_stage(size, folder_of(out, quick=quick, name="bench-evolve-surrogate"))
    chosen = list(range(size.seeds)) if seeds is None else list(seeds)
    parts = measured(stage, kept_parts(stage), chosen, ablations=ablations, best=best_of())
    return {
        **summary(parts),
        "world": "surrogate",
        "fit": fit(),
        "best_known": {"instruction": best_of(), "reason": None},
        **_measured_with(stage, parts, chosen, quick),
    }


def _measured_with(stage: Stage, parts: Parts, seeds: list[int], quick: bool) -> dict[str, Any]:
    return {
        **conditions(seeds=seeds, pictures=pictures_of(parts), quick=quick),
        "models": stage.models(),
        "size": asdict(stage.size),
    }


def sizes(*, quick: bool, pictures: int | None = None) -> Size:
    """The sizes of the full or of the quick form, with another number of pictures to search with if one is given."""
    size = QUICK if quick else FULL
    return size if pictures is None else replace(size, search=pictures)


def kept_parts(stage: Stage) -> Kept:
    """The file of a stage's parts, which were all measured with its models and sizes."""
    conditions_of = {"size": asdict(stage.size), "models": stage.models(), "start": START.text}
    return Kept(stage.folder / "parts.jsonl", conditions_of)


def folder_of(out: Path | None, *, quick: bool, name: str = "bench-evolve") -> Path:
    """Where the sessions of a benchmark of evolve stand."""
    return (out or Path("runs")) / (f"{name}-quick" if quick else name)


def measured(
    stage: Stage, kept: Kept, seeds: Sequence[int], *, ablations: bool = False, best: str | None = None
) -> Parts:
    """Every part of the seeds: measured now, or kept from before.

    Args:
        stage: models, truth and sizes.
        kept: where parts are kept.
        seeds: which.
        ablations: whether evolve with one part taken out is measured, too.
        best: the best known instruction, if there is one.
    """
    methods = {**searches(), **(ablated() if ablations else {})}
    return {seed: _seed(stage, kept, seed, methods, best) for seed in seeds}


def _seed(
    stage: Stage, kept: Kept, seed: int, methods: Mapping[str, Mapping[str, Any]], best: str | None
) -> dict[str, dict[str, Any]]:
    found = {
        method: kept.part(f"seed {seed}: {method}: search", partial(searched, stage, seed, method, options))
        for method, options in methods.items()
    }
    instructions = {**WITHOUT_SEARCH, **{method: one["instruction"] for method, one in found.items()}}
    if best is not None:
        instructions["best_known"] = best
    parts = {}
    for method, text in instructions.items():
        name = f"seed {seed}: {method}: held out" + (f": {text}" if method == "best_known" else "")
        shots = kept.part(name, partial(drawn, stage, seed, method, text))
        parts[method] = {**found.get(method, {}), "shots": shots}
    return parts


def summary(parts: Parts) -> dict[str, Any]:
    """The figures of all seeds together."""
    methods = list(dict.fromkeys(method for seed in parts.values() for method in seed))
    gains = {
        f"evolved_minus_{method}": _json(paired_by_seed(by_seed(parts, "evolved"), by_seed(parts, method)))
        for method in methods
        if method != "evolved"
    }
    return {
        **gains,
        "fraction_of_best": _json(_fraction(parts)) if "best_known" in methods else None,
        "methods": {method: shares(parts, method) for method in methods},
        "by_judge": {judge: _json(_difference(parts, judge)) for judge in MEASURES},
        "winners_curse": winners_curse(parts),
        "reward_hacking": _hacked(parts),
        "instructions": {
            seed: {method: part["instruction"] for method, part in of_seed.items() if "instruction" in part}
            for seed, of_seed in parts.items()
        },
    }


def winners_curse(parts: Parts) -> dict[str, Any]:
    """Evolved minus start in reward, on the queries of the choice and on held-out ones, as means over seeds."""
    chosen = {seed: [part["evolved"]["validation_gain"]] for seed, part in parts.items()}
    fresh = {seed: _reward_gains(part) for seed, part in parts.items()}
    return {"validation_gain": _json(clustered_by_seed(chosen)), "held_out_gain": _json(clustered_by_seed(fresh))}


def shares(parts: Parts, method: str) -> dict[str, Any]:
    """What one method has by each measure, and what that cost."""
    of_method = {seed: part[method] for seed, part in parts.items() if method in part}
    searched_with = [part["pictures"] for part in of_method.values() if "pictures" in part]
    return {
        **{judge: _json(clustered_by_seed(_values(of_method, at))) for at, judge in enumerate(MEASURES)},
        "held_out_pictures": sum(len(part["shots"]) for part in of_method.values()),
        "pictures_to_search_and_choose": sum(searched_with) / len(searched_with) if searched_with else 0,
    }


def _values(of_method: Mapping[int, Mapping[str, Any]], at: int) -> dict[int, list[float | None]]:
    return {seed: [row[at] for row in part["shots"].values()] for seed, part in of_method.items()}


def by_seed(parts: Parts, method: str, judge: str = "both") -> dict[int, dict[str, float | None]]:
    """A method's held-out values by seed and query."""
    at = MEASURES.index(judge)
    return {
        seed: {query: row[at] for query, row in part[method]["shots"].items()}
        for seed, part in parts.items()
        if method in part
    }


def _difference(parts: Parts, judge: str) -> Interval | None:
    return paired_by_seed(by_seed(parts, "evolved", judge), by_seed(parts, "start", judge))


def _fraction(parts: Parts) -> Interval | None:
    """The share of the best known instruction's gain over the start that evolved has."""
    ours, best = (
        {seed: gain.mean for seed, part in parts.items() if (gain := _of_seed(part, method))}
        for method in ("evolved", "best_known")
    )
    return ratio_by_seed(ours, best)


def _reward_gains(part: Mapping[str, Mapping[str, Any]]) -> list[float | None]:
    """Evolved minus start in the search's reward and in its unit, by held-out query."""
    units = part["evolved"]["units"]
    ours, start = ([_reward(row, units) for row in part[method]["shots"].values()] for method in ("evolved", "start"))
    return [None if a is None or b is None else a - b for a, b in zip(ours, start, strict=True)]


def _reward(row: Sequence[float | None], units: Mapping[str, float]) -> float | None:
    """A held-out picture's reward, but for what its query shares."""
    weights, taste, eye = RewardWeights(), row[MEASURES.index("taste")], row[MEASURES.index("eye")]
    if taste is None or eye is None:
        return None
    return weights.taste * taste / units["taste"] + weights.questions * eye / units["questions"]


def _hacked(parts: Parts) -> list[int]:
    """Seeds where the scores of the search rose significantly and the oracle's fell significantly."""
    return [
        seed
        for seed, part in parts.items()
        if (risen := mean_interval(_reward_gains(part))) is not None
        and (fallen := _of_seed(part)) is not None
        and (risen.low or 0.0) > 0 > (fallen.high or 0.0)
    ]


def _of_seed(part: Mapping[str, Mapping[str, Any]], method: str = "evolved") -> Interval | None:
    """A method minus start in `both` within one seed, paired by query."""
    rows = {name: by_seed({0: part}, name)[0] for name in (method, "start")}
    return paired_difference(rows[method], rows["start"])


def _json(interval: Interval | None) -> dict[str, float | None] | None:
    return None if interval is None else interval._asdict()


def pictures_of(parts: Parts) -> int:
    """Pictures drawn for these parts."""
    every = [part for of_seed in parts.values() for part in of_seed.values()]
    return sum(part.get("pictures", 0) + len(part["shots"]) for part in every)
