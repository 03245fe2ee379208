"""How often evolve claims a gain where there is none: runs in a world in which no sentence has an effect.

A picture's score is how easy its request is, what its seed brings (shared by all instructions) and noise of its own: a
bell, with one picture in four missing what was asked. Wording changes a picture and never its expected score, so every
claimed gain is false. The runs are those of `limner.evolve` with its own graph, agents and statistics.
"""

from __future__ import annotations

import hashlib
import random
import shutil
import tempfile
from functools import cache, partial
from pathlib import Path
from typing import Any

from limner.bench.kept import Kept
from limner.types import Picture, Query

RUNS = 200
EASE, SHARED, MISS, MISSED_BY = 2.0, 0.7, 0.25, 2.5
"""Standard deviations between requests and between seeds; share and depth of missed pictures; own noise has 1."""


def null_claims(kept: Kept, runs: int = RUNS, **settings: Any) -> dict[str, Any]:
    """`false_gains`, the share of runs that claim a significant gain, and the mean reward difference that all claim.

    Args:
        kept: where each run's outcome is kept.
        runs: run 0, 1, ...; a run's number is its seed.
        **settings: other settings of `limner.evolve` than its defaults.
    """
    rows = [kept.part(f"null {seed}", partial(null_run, seed, **settings)) for seed in range(runs)]
    changed = [row for row in rows if row["gain"] is not None]
    return {
        "false_gains": sum(row["significant"] for row in rows) / len(rows),
        "runs": len(rows),
        "kept_the_start": len(rows) - sum(row["evolved"] for row in rows),
        "mean_gain": sum(row["gain"] for row in changed) / len(changed) if changed else None,
        "mean_validation_gain": sum(row["validation_gain"] for row in changed) / len(changed) if changed else None,
    }


def null_run(seed: int, **settings: Any) -> dict[str, Any]:
    """One run: whether it claims a significant gain, and its gains on validation and held-out queries."""
    from limner.graph.api import evolve
    from limner.graph.wiring import embedded_queries
    from limner.testing import HashGenerator, ScorerFromFunction

    folder = tempfile.mkdtemp()
    try:
        result = evolve(
            embedded_queries(),
            generator=HashGenerator("null", size=(4, 4)),
            taste=ScorerFromFunction(null_score, "null"),
            questions=None,
            questions_weight=0.0,
            professional=_professional(),
            seed=seed,
            out=Path(folder),
            **settings,
        )
    finally:
        shutil.rmtree(folder)
    gain = result.differences.get("evolved_minus_start")
    return {
        "significant": result.significant,
        "evolved": len(result.lineage) > 1,
        "gain": gain and gain.mean,
        "validation_gain": result.validation_gain and result.validation_gain.mean,
    }


def null_score(query: Query, picture: Picture) -> float:
    """Noise that depends on the request, the seed and the picture, each for itself."""
    own = _dice("picture", picture.sha256)
    value = (
        EASE * _dice("query", query.text).gauss() + SHARED * _dice("seed", picture.recipe.seed).gauss() + own.gauss()
    )
    return value - MISSED_BY * (own.random() < MISS)


def _dice(*parts: object) -> random.Random:
    return random.Random(hashlib.sha256(repr(parts).encode()).digest())


@cache
def _professional() -> Any:
    from limner.bench.truth import professional_writer

    return professional_writer()
