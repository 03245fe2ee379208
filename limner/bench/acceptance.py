"""The judge of the result, which never steered the search: the embedded world's oracle on the held-out pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from limner.microworld.law import Case
from limner.microworld.oracle import judge
from limner.results import COLUMNS, EvolveResult
from limner.statistics import mean_interval, paired_difference
from limner.types import Interval, Picture

MEASURES = ("all_correct", "well_drawn", "both")


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Shares of held-out pictures, by column and measure, and what evolved has more than each other column in `both`.

    all_correct: everything that was asked holds. well_drawn: the oracle calls it drawn well. Unclear counts as not.
    """

    shares: dict[str, dict[str, Interval | None]]
    differences: dict[str, Interval]


def accept(result: EvolveResult, cases: Mapping[str, Case], picture: Callable[[str], Picture]) -> Acceptance:
    """Judge every held-out picture of a result.

    Args:
        result: a finished run on the embedded world's queries.
        cases: the truth of each held-out query, by the query's id.
        picture: gives a stored picture by its hash (`Ledger.picture`).
    """
    verdicts: dict[str, dict[str, dict[str, float]]] = {name: {measure: {} for measure in MEASURES} for name in COLUMNS}
    for example in result.examples:
        for name, shot in example.shots.items():
            if shot.picture is None:
                continue
            judgement = judge(picture(shot.picture).image(), cases[example.query.id])
            correct, well = judgement.all_correct, judgement.well_drawn is True
            for measure, value in zip(MEASURES, (correct, well, correct and well), strict=True):
                verdicts[name][measure][example.query.id] = float(value)
    shares = {
        name: {measure: mean_interval(list(values.values())) for measure, values in measures.items()}
        for name, measures in verdicts.items()
    }
    differences = {
        f"evolved_minus_{name}": difference
        for name in COLUMNS[:-1]
        if (difference := paired_difference(verdicts["evolved"]["both"], verdicts[name]["both"])) is not None
    }
    return Acceptance(shares, differences)
