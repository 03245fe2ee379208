"""Fits the surrogate of the embedded world to the pictures of the offline search, and says how well it fits.

`python -m limner.bench.surrogate_fit SEARCH` judges the pictures in SEARCH (the folder of `limner.bench.best_known`),
or those that were not judged yet, draws some more of instructions thrown together, fits by ridge regression, and writes
data/surrogate.json. The stated fit is how well it predicts the mean judgement of instructions that were left out.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limner.agents import START
from limner.agents.catalogue import CATALOGUE
from limner.bench.best_known import Record
from limner.bench.kept import Kept
from limner.bench.surrogate import FILE, MEASURES, MOST_OBJECTS, STEERING, Traits, traits
from limner.bench.surrogate_pictures import Judged, Judges, judged_pictures, thrown_pictures
from limner.statistics import Spread

Array = NDArray[np.float64]

PENALTY = 100.0
"""Of single features. Left-out instructions of one search are near relatives of those that stay, and would be content
with less; those of other searches are predicted better with this much (docs/search.md)."""
AMOUNT_PENALTY = 3.0
PAIR_PENALTY = 4.0
"""How much harder interactions are pulled to 0 than single features."""
SEEN_TOGETHER = 48
"""Pictures that must show two features for their interaction to be fitted."""
FOLDS, NEWTON = 8, 8
OWN_KEPT = 1500
AMOUNTS = len(Traits((), 1, 0).amounts())
ALONE = MOST_OBJECTS + AMOUNTS
CROWDED = ALONE + len(CATALOGUE)
PAIRS = CROWDED + len(CATALOGUE)
"""Where a row's parts begin, behind the numbers of objects and the amounts."""


@dataclass(frozen=True, slots=True)
class Design:
    """The regression's columns: objects (free), amounts, features, features for each further object, pairs."""

    pairs: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, seen: Sequence[Traits]) -> Design:
        """With every pair of features that enough pictures show."""
        counts = Counter(pair for one in seen for pair in combinations(one.shown, 2))
        return cls(tuple(sorted(pair for pair, count in counts.items() if count >= SEEN_TOGETHER)))

    def rows(self, seen: Sequence[Traits]) -> Array:
        """One row a picture."""
        at_pair = {pair: PAIRS + at for at, pair in enumerate(self.pairs)}
        rows = np.zeros((len(seen), PAIRS + len(self.pairs)))
        for row, one in zip(rows, seen, strict=True):
            row[one.objects - 1] = 1.0
            row[MOST_OBJECTS:ALONE] = one.amounts()
            for feature in one.shown:
                row[ALONE + feature] = 1.0
                row[CROWDED + feature] = one.objects - 1.0
            for pair in combinations(one.shown, 2):
                if pair in at_pair:
                    row[at_pair[pair]] = 1.0
        return rows

    @property
    def penalties(self) -> Array:
        """Of each column."""
        by_part = ((MOST_OBJECTS, 1e-3), (AMOUNTS, AMOUNT_PENALTY), (2 * len(CATALOGUE), PENALTY))
        parts = (*by_part, (len(self.pairs), PAIR_PENALTY * PENALTY))
        return np.concatenate([np.full(size, penalty) for size, penalty in parts])


def ridge(rows: Array, values: Array, penalties: Array) -> Array:
    """Least squares with a penalty on each squared coefficient, in units of the residual's variance."""
    return np.asarray(np.linalg.solve(rows.T @ rows + np.diag(penalties), rows.T @ values))


def logistic(rows: Array, values: Array, penalties: Array) -> Array:
    """Log odds by Newton's method; penalties are a quarter of ridge's, as a picture's information is at most that."""
    found = np.zeros(rows.shape[1])
    for _ in range(NEWTON):
        p = 1 / (1 + np.exp(-rows @ found))
        weight = np.maximum(p * (1 - p), 1e-4)
        gradient = rows.T @ (values - p) - 0.25 * penalties * found
        found = found + np.linalg.solve((rows.T * weight) @ rows + np.diag(0.25 * penalties), gradient)
    return found


def fitted(measure: str, rows: Array, values: Array, penalties: Array) -> Array:
    """Coefficients of one judgement."""
    return (logistic if measure == "both" else ridge)(rows, values, penalties)


def predicted(measure: str, rows: Array, found: Array) -> Array:
    """Expected judgements: probabilities for `both`."""
    linear = rows @ found
    return np.asarray(1 / (1 + np.exp(-linear)) if measure == "both" else linear)


def left_out(measure: str, rows: Array, values: Array, names: Sequence[str], penalties: Array) -> Array:
    """Each picture predicted from pictures of other instructions alone."""
    order = {name: at for at, name in enumerate(dict.fromkeys(names))}
    fold = np.array([order[name] % FOLDS for name in names])
    found = np.zeros(len(values))
    for number in range(FOLDS):
        out = fold == number
        found[out] = predicted(measure, rows[out], fitted(measure, rows[~out], values[~out], penalties))
    return found


def agreement(expected: Array, values: Array, names: Sequence[str], fewest: int) -> dict[str, float]:
    """Expected against observed means of instructions with at least so many pictures, weighted by pictures.

    `correlation` is the observed one; `of_truth` divides it by what sampling error leaves of a perfect model's, at most
    1. `slope` is that of observed on expected: 1 is calibrated.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for at, name in enumerate(names):
        groups[name].append(at)
    kept = [np.array(rows) for rows in groups.values() if len(rows) >= fewest]
    weight = np.array([len(rows) for rows in kept], float)
    x, y = (np.array([of[rows].mean() for rows in kept]) for of in (expected, values))
    sampling = np.array([(values - expected)[rows].var() / len(rows) for rows in kept])
    dx, dy = x - np.average(x, weights=weight), y - np.average(y, weights=weight)
    xx, yy, xy = (np.average(product, weights=weight) for product in (dx * dx, dy * dy, dx * dy))
    correlation = xy / np.sqrt(xx * yy)
    reliability = max(1 - np.average(sampling, weights=weight) / yy, 1e-3)
    return {
        "instructions": len(kept),
        "correlation": float(correlation),
        "of_truth": float(min(correlation / np.sqrt(reliability), 1.0)),
        "slope": float(xy / xx),
        "mean_error": float(np.average(np.abs(x - y), weights=weight)),
    }


@dataclass(frozen=True, slots=True)
class Scatter:
    """Residuals of taste and eye taken apart: covariances (2, 2) by level, and the picture's own differences (n, 2)."""

    query: Array
    seed: Array
    own: Array

    @classmethod
    def of(cls, residuals: Array, queries: Sequence[str], seeds: Sequence[Hashable]) -> Scatter:
        """By moments: within request and seed, between seeds of a request, between requests.

        A picture that has its request and seed for itself tells nothing apart and is left out.
        """
        in_seed = {seed: rows for seed, rows in _grouped(seeds).items() if len(rows) > 1}
        own = np.concatenate(
            [
                (residuals[rows] - residuals[rows].mean(0)) * np.sqrt(len(rows) / (len(rows) - 1))
                for rows in in_seed.values()
            ]
        )
        own_covariance = own.T @ own / len(own)
        firsts = {seed: rows[0] for seed, rows in in_seed.items()}
        means = np.array([residuals[rows].mean(0) for rows in in_seed.values()])
        inner = sum(1 / len(rows) for rows in in_seed.values()) / len(in_seed) * own_covariance
        between = [
            (means[rows] - means[rows].mean(0)) * np.sqrt(len(rows) / (len(rows) - 1))
            for rows in _grouped([queries[at] for at in firsts.values()]).values()
            if len(rows) > 1
        ]
        seed = np.cov(np.concatenate(between).T, bias=True) - inner
        query = np.cov(means.T) - inner - seed
        return cls(_factor(query), _factor(seed), own)


def _grouped(names: Sequence[Hashable]) -> dict[Hashable, NDArray[np.intp]]:
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for at, name in enumerate(names):
        groups[name].append(at)
    return {name: np.array(rows) for name, rows in groups.items()}


def _factor(covariance: Array) -> Array:
    """A square root of a covariance, with what sampling made negative set to 0."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def fit(rows: Sequence[Judged], judges: dict[str, str]) -> dict[str, Any]:
    """The surrogate as plain JSON."""
    seen = [traits(row.query, row.prompt) for row in rows]
    names = [row.instruction for row in rows]
    design = Design.of(seen)
    matrix = design.rows(seen)
    values = {name: np.array([getattr(row, name) for row in rows]) for name in MEASURES}
    found = {name: fitted(name, matrix, values[name], design.penalties) for name in MEASURES}
    stated = {name: _stated(name, design, matrix, values[name], names) for name in MEASURES}
    residuals = np.stack([values[name] - predicted(name, matrix, found[name]) for name in STEERING], -1)
    scatter = Scatter.of(residuals, [row.query for row in rows], [(row.block, row.query) for row in rows])
    own = scatter.own[np.random.default_rng(0).permutation(len(scatter.own))[:OWN_KEPT]]
    return {
        "recipe": {"pictures": len(rows), "instructions": len(set(names)), "judges": judges},
        "fit": {"left_out_instructions": stated, "noise": _noise(scatter, residuals)},
        "best_known": _best_known(rows),
        "units": {name: round(_within(rows, name), 4) for name in STEERING},
        "effects": {name: _effects(design, found[name]) for name in MEASURES},
        "noise": {"query": _short(scatter.query), "seed": _short(scatter.seed), "own": _short(own, 3)},
    }


def _stated(name: str, design: Design, matrix: Array, values: Array, names: Sequence[str]) -> dict[str, Any]:
    """How well one judgement of left-out instructions is predicted."""
    expected = left_out(name, matrix, values, names, design.penalties)
    return {
        "explained": float(1 - ((values - expected) ** 2).mean() / values.var()),
        "from_48_pictures": agreement(expected, values, names, 48),
    }


def _best_known(rows: Sequence[Judged]) -> str:
    """The instruction that the offline search leads with."""
    records: dict[str, Record] = defaultdict(Record)
    for row in rows:
        records[row.instruction].good += row.both
        records[row.instruction].drawn += 1
    return max(records, key=lambda text: records[text].surely)


def _within(rows: Sequence[Judged], measure: str) -> float:
    """Spread of a judgement between pictures of one request and seed, pooled: what the reward divides by."""
    groups = _grouped([(row.block, row.query) for row in rows])
    return Spread.within([getattr(rows[at], measure) for at in places] for places in groups.values()).sd


def _noise(scatter: Scatter, residuals: Array) -> dict[str, dict[str, float]]:
    """Shares of each judgement's residual variance that belong to request, seed and picture."""
    parts = {"request": scatter.query @ scatter.query.T, "seed": scatter.seed @ scatter.seed.T}
    parts["picture"] = scatter.own.T @ scatter.own / len(scatter.own)
    total = residuals.var(0)
    return {
        name: {**{part: float(of[at, at] / total[at]) for part, of in parts.items()}, "sd": float(np.sqrt(total[at]))}
        for at, name in enumerate(STEERING)
    }


def _effects(design: Design, found: Array) -> dict[str, Any]:
    alone, crowded, together = found[ALONE:CROWDED], found[CROWDED:PAIRS], found[PAIRS:]
    ids = [directive.id for directive in CATALOGUE]
    return {
        "objects": _short(found[:MOST_OBJECTS]),
        "amounts": _short(found[MOST_OBJECTS:ALONE]),
        "features": {name: _short(np.array(both)) for name, *both in zip(ids, alone, crowded, strict=True)},
        "pairs": [
            [ids[i], ids[j], round(float(value), 4)] for (i, j), value in zip(design.pairs, together, strict=True)
        ],
    }


def _short(values: Array, digits: int = 4) -> Any:
    return np.round(values, digits).tolist()


def main() -> None:
    """Judge, fit and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("search", type=Path, help="the folder of the offline search")
    parser.add_argument("--out", type=Path, default=Path("runs/surrogate"), help="where judgements are kept")
    parser.add_argument("--file", type=Path, default=Path(__file__).parent / "data" / FILE)
    given = parser.parse_args()
    judges = Judges.embedded()
    kept = Kept(given.out / "judged.jsonl", judges.identities)
    searched = judged_pictures(given.search, kept, judges)
    thrown = thrown_pictures(given.out / "thrown", kept, judges)
    row = fit([*searched, *thrown], judges.identities)
    given.file.parent.mkdir(exist_ok=True)
    given.file.write_text(json.dumps(row, separators=(",", ":")) + "\n", encoding="utf-8")
    print(json.dumps({**row["recipe"], "best_known": row["best_known"], "start": START.text, **row["fit"]}, indent=1))


if __name__ == "__main__":
    main()
