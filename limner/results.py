"""What a run found, as data: the result of evolve, from which the table, the JSON and the report are made.

Everything is plain and frozen, pictures are named by hash, and a figure that could not be had is None. Intervals are at
95 %; differences are paired by query.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from limner.types import Instruction, Interval, Prompt, Query, Spend

COLUMNS = ("plain", "start", "professional", "evolved")
"""What the final table compares: the request itself, the start instruction, professional prompts, the evolved one."""

ACCEPTING = ("acceptance", "acceptance_questions")
"""The judges that never steer: a scorer, and a vision model that is asked the questions."""
JUDGES = ("reward", "taste", "questions", *ACCEPTING)
"""The figures of a column: the reward of the search, its two judges, and those that never steer."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One answer about a held-out picture: by which judge, P(yes) (and to a second wording), how it was read."""

    judge: str
    question: str
    kind: str
    p_yes: float | None
    again: float | None = None
    reason: str = ""
    rung: str = ""


@dataclass(frozen=True, slots=True)
class Shot:
    """One drawn picture with the prompt that it came from and what its judges said."""

    prompt: Prompt
    picture: str | None
    reward: float | None
    taste: float | None = None
    questions: float | None = None
    acceptance: float | None = None
    acceptance_questions: float | None = None
    evidence: tuple[Heard, ...] = ()


@dataclass(frozen=True, slots=True)
class Example:
    """The same held-out query drawn in each column (see `COLUMNS`), with one seed."""

    query: Query
    shots: dict[str, Shot]


@dataclass(frozen=True, slots=True)
class Column:
    """One row of the final table: means over held-out queries with intervals, on each judge's own scale."""

    name: str
    reward: Interval | None
    taste: Interval | None
    questions: Interval | None
    pictures: int
    unscored: int = 0
    acceptance: Interval | None = None
    acceptance_questions: Interval | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """An instruction that was tried: pulls and mean reward in the search, and on validation queries if it got there.

    The interval of `reward` is by the spread of single rewards pooled over all instructions.
    """

    instruction: Instruction
    pulls: int
    reward: Interval | None
    validation: Interval | None = None
    dropped_in: int | None = None


@dataclass(frozen=True, slots=True)
class Round:
    """One round of the search: who was pulled how often, who was the worst, what the critic proposed."""

    number: int
    pulls: dict[str, int]
    rewards: dict[str, float | None]
    survivors: tuple[str, ...]
    worst: str | None
    improvements: tuple[str, ...]
    children: tuple[str, ...]
    fallback: bool = False
    pictures: int = 0


@dataclass(frozen=True, slots=True)
class EvolveResult:
    """The outcome of one evolve run.

    `instruction` is the best instruction found and `lineage` its ancestors from the start to itself. `differences` are
    paired by held-out query, named `evolved_minus_start` and so on. `significant` says whether the interval of evolved
    minus start lies above 0; `validation_gain` is the same difference on the queries of the final choice, flattered by
    that choice, and `p_within_epsilon` how likely no finalist is better than the chosen one by more than a tenth of one
    picture's noise. `units` are what taste and questions are divided by in these rewards: standard deviations within a
    query. `acceptance` has the differences by the acceptance judge, which never steers, and `reward_hacking`
    says that it fell significantly where the reward rose. `notes` are remarks that a reader of the figures must know;
    `stop_reason` is "rounds", "nothing left that could win" or "budget: RESOURCE".
    """

    session: str
    folder: Path
    stop_reason: str
    instruction: Instruction
    lineage: tuple[Instruction, ...]
    candidates: tuple[Candidate, ...]
    rounds: tuple[Round, ...]
    columns: tuple[Column, ...]
    differences: dict[str, Interval]
    significant: bool
    examples: tuple[Example, ...]
    spend: Spend
    spend_by_role: dict[str, Spend]
    notes: tuple[str, ...] = ()
    failures: dict[str, int] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)
    seed: int = 0
    validation_gain: Interval | None = None
    acceptance: dict[str, Interval] = field(default_factory=dict)
    acceptance_questions: dict[str, Interval] = field(default_factory=dict)
    reward_hacking: bool = False
    p_within_epsilon: float | None = None
    units: dict[str, float] = field(default_factory=dict)

    @property
    def report(self) -> Path:
        """Where the self-contained HTML report stands."""
        return self.folder / "report.html"

    def _repr_html_(self) -> str:
        """The summary that a notebook shows."""
        from limner.tracing.report import summary_html

        return summary_html(self)
