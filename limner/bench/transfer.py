"""`limner bench transfer`: an instruction evolved on one painter, used on another.

The second painter is the first one trained on with other captions and another seed, so other words of praise help
there. Each seed evolves on both; on each painter the start instruction, its own evolved one and the one carried over
draw the same held-out requests with the same seeds. The first painter's sessions are those of `limner bench evolve`
in the same folder, so whatever that has drawn is not drawn again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from limner.agents import START
from limner.bench.conditions import conditions
from limner.bench.evolve import by_seed, folder_of, kept_parts, pictures_of, shares, sizes
from limner.bench.evolve_seed import Stage, drawn, embedded_stage, searched
from limner.bench.kept import Kept
from limner.statistics import paired_by_seed
from limner.types import Interval

SEEDS, QUICK_SEEDS = 4, 2
SECOND = "second-painter"
"""The folder into which the second painter is written, beside the sessions."""
CARRIED = "carried over"

Parts = Mapping[int, Mapping[str, Mapping[str, Any]]]


def measure(
    *,
    quick: bool = False,
    pictures: int | None = None,
    seeds: Sequence[int] | None = None,
    out: Path | None = None,
) -> dict[str, Any]:
    """Measure both painters with both instructions.

    Args:
        quick: a small run that shows that the command works.
        pictures: as many for every search, as for `limner bench evolve`.
        seeds: these alone; the first few unless given.
        out: where sessions and parts are kept; a later call with the same folder goes on.
    """
    from limner.microworld import second

    size = sizes(quick=quick, pictures=pictures)
    folder = folder_of(out, quick=quick, name="bench-transfer")
    folder.mkdir(parents=True, exist_ok=True)
    stages = {
        "first": embedded_stage(size, folder_of(out, quick=quick)),
        "second": embedded_stage(size, folder, f"diffusers:{second.write(folder / SECOND)}"),
    }
    chosen = list(seeds) if seeds is not None else list(range(QUICK_SEEDS if quick else SEEDS))
    parts = carried({name: (stage, kept_parts(stage)) for name, stage in stages.items()}, chosen)
    return {
        "painters": {name: figures(of_painter) for name, of_painter in parts.items()},
        "instructions": {name: _instructions(of_painter) for name, of_painter in parts.items()},
        **conditions(seeds=chosen, pictures=sum(map(pictures_of, parts.values())), quick=quick),
        "models": {name: stage.models() for name, stage in stages.items()},
    }


def carried(stages: Mapping[str, tuple[Stage, Kept]], seeds: Sequence[int]) -> dict[str, Parts]:
    """By painter, seed and method ("start", "evolved", "carried over"): held-out pictures and what was found.

    Args:
        stages: two painters, each with the file of its parts.
        seeds: which.
    """
    found = {name: {seed: _search(*stage, seed) for seed in seeds} for name, stage in stages.items()}
    first, second = stages
    others = {first: found[second], second: found[first]}
    return {
        name: {seed: _drawn(*stage, seed, found[name][seed], others[name][seed]) for seed in seeds}
        for name, stage in stages.items()
    }


def _search(stage: Stage, kept: Kept, seed: int) -> dict[str, Any]:
    found: dict[str, Any] = kept.part(f"seed {seed}: evolved: search", partial(searched, stage, seed, "evolved", {}))
    return found


def _drawn(
    stage: Stage, kept: Kept, seed: int, own: Mapping[str, Any], other: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """The held-out pictures of one painter and seed."""

    def shots(method: str, text: str, name: str = "") -> dict[str, Any]:
        part: dict[str, Any] = kept.part(
            f"seed {seed}: {method}: held out{name}", partial(drawn, stage, seed, method, text)
        )
        return part

    carried_over = other["instruction"]
    return {
        "start": {"shots": shots("start", START.text)},
        "evolved": {**own, "shots": shots("evolved", own["instruction"])},
        CARRIED: {"instruction": carried_over, "shots": shots(CARRIED, carried_over, f": {carried_over}")},
    }


def figures(parts: Parts) -> dict[str, Any]:
    """What one painter makes of its own instructions and of those carried over, by the oracle."""
    start, own, other = (by_seed(parts, method) for method in ("start", "evolved", CARRIED))
    gain, carried_gain = paired_by_seed(own, start), paired_by_seed(other, start)
    return {
        "methods": {method: shares(parts, method) for method in ("start", "evolved", CARRIED)},
        "evolved_minus_start": _json(gain),
        "carried_minus_start": _json(carried_gain),
        "carried_minus_evolved": _json(paired_by_seed(other, own)),
        "share_of_gain_carried": carried_gain.mean / gain.mean if gain and carried_gain and gain.mean > 0 else None,
    }


def _instructions(parts: Parts) -> dict[int, str]:
    return {seed: part["evolved"]["instruction"] for seed, part in parts.items()}


def _json(interval: Interval | None) -> dict[str, float | None] | None:
    return None if interval is None else interval._asdict()
