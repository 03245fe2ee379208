"""The judge of the result, which never steered the search: the embedded world's oracle on the held-out pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from limner.microworld.law import Case
from limner.microworld.oracle import judge
from limner.protocols import Scorer
from limner.results import COLUMNS, EvolveResult
from limner.statistics import mean_interval, paired_difference
from limner.types import Failure, Interval, Picture, Query, Score, Terms

MEASURES = ("all_correct", "well_drawn", "both")


class Truth(NamedTuple):
    """What the oracle says of one picture; unclear counts as not."""

    all_correct: bool
    well_drawn: bool

    @property
    def both(self) -> bool:
        """All-correct and well drawn: what a claim is about."""
        return self.all_correct and self.well_drawn


def truth(picture: Picture, case: Case) -> Truth:
    """Read one picture of a case."""
    judgement = judge(picture.image(), case)
    return Truth(judgement.all_correct, judgement.well_drawn is True)


def oracle(cases: Mapping[str, Case]) -> Scorer:
    """The oracle as an acceptance judge: 1 for a picture that is all-correct and well drawn, else 0.

    Args:
        cases: the truth of each held-out query, by the query's id; other queries have no judgement.
    """
    return _Oracle(dict(cases))


class _Oracle:
    identity, terms = "oracle", Terms()

    def __init__(self, cases: dict[str, Case]) -> None:
        self._cases = cases

    def score(self, pairs: Sequence[tuple[Query, Picture]]) -> list[Score | Failure]:
        return [self._one(query, picture) for query, picture in pairs]

    def _one(self, query: Query, picture: Picture) -> Score:
        case = self._cases.get(query.id)
        return Score("oracle", None if case is None else float(truth(picture, case).both))


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
            read = truth(picture(shot.picture), cases[example.query.id])
            for measure in MEASURES:
                verdicts[name][measure][example.query.id] = float(getattr(read, measure))
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
