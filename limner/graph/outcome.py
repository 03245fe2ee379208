"""From the final state of a run to its result: columns, paired differences, candidates, lineage, examples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from limner.bandits.arms import Moments, Noise
from limner.graph.claims import claims
from limner.graph.deps import EvolveDeps
from limner.graph.evidence import disagreements, heard
from limner.graph.learning import instruction_of
from limner.graph.rewarding import spreads_of
from limner.graph.state import PLAIN, PROFESSIONAL, ArmStats, EvolveState, Shot
from limner.results import COLUMNS, Candidate, Column, EvolveResult, Example, Round
from limner.results import Shot as FinalShot
from limner.statistics import mean_interval, paired_difference
from limner.types import Instruction, Interval, Prompt


def outcome(
    deps: EvolveDeps, state: EvolveState, *, session: str, folder: Path, notes: Sequence[str] = ()
) -> EvolveResult:
    """Make the typed result of a finished run."""
    assert state["best"] is not None
    assert state["stop_reason"] is not None
    columns = {name: _of_arm(state["final"], arm) for name, arm in _arms(deps, state).items()}
    claimed = claims(columns)
    return EvolveResult(
        session=session,
        folder=folder,
        stop_reason=state["stop_reason"],
        instruction=instruction_of(state, state["best"]),
        lineage=lineage(state, state["best"]),
        candidates=_candidates(state),
        rounds=tuple(_round(row) for row in state["rounds"]),
        columns=tuple(_column(name, shots) for name, shots in columns.items()),
        differences=claimed.differences,
        significant=claimed.significant,
        validation_gain=_validation_gain(deps, state),
        p_within_epsilon=state["p_within_epsilon"],
        units=spreads_of(state["spread"]).units,
        acceptance=claimed.acceptance,
        acceptance_questions=claimed.acceptance_questions,
        reward_hacking=claimed.reward_hacking,
        examples=_examples(deps, columns),
        spend=deps.ledger.spend(),
        spend_by_role=deps.ledger.spend_by_role(),
        failures=dict(state["failures"]),
        models=model_names(deps),
        seed=deps.settings.seed,
        notes=(
            *notes,
            *claimed.notes,
            *disagreements([row for shot in state["final"] for row in shot.get("evidence", ())]),
        ),
    )


def model_names(deps: EvolveDeps) -> dict[str, str]:
    """The identity of each model that took part."""
    parts = {
        "generator": deps.generator,
        "taste": deps.taste,
        "questions": deps.vision,
        "acceptance": deps.acceptance,
        "acceptance_questions": deps.acceptance_vision,
    }
    names = {name: part.identity for name, part in parts.items() if part is not None}
    return {**names, "agents": deps.agents.name}


def lineage(state: EvolveState, name: str) -> tuple[Instruction, ...]:
    """An instruction's ancestors from the start to itself."""
    line: list[Instruction] = []
    current: str | None = name
    while current is not None:
        line.append(instruction_of(state, current))
        current = line[-1].parent
    return tuple(reversed(line))


def _validation_gain(deps: EvolveDeps, state: EvolveState) -> Interval | None:
    """The chosen instruction over the start on the queries of the choice: flattered by having been chosen there."""
    first, second = (state["validation"].get(name, []) for name in (state["best"] or "", deps.start.id))
    return paired_difference(dict(enumerate(first)), dict(enumerate(second)))


def _arms(deps: EvolveDeps, state: EvolveState) -> dict[str, str]:
    assert state["best"] is not None
    return dict(zip(COLUMNS, (PLAIN, deps.start.id, PROFESSIONAL, state["best"]), strict=True))


def _of_arm(shots: Sequence[Shot], arm: str) -> list[Shot]:
    return [shot for shot in shots if shot["arm"] == arm]


def _candidates(state: EvolveState) -> tuple[Candidate, ...]:
    """All instructions; most are drawn once, so that one noise, pooled over all, gives their intervals."""
    moments = {name: _moments(state["arms"][name]) for name in state["instructions"]}
    noise = Noise.within(moments.values())
    return tuple(
        Candidate(
            instruction_of(state, name),
            state["arms"][name]["pulls"],
            noise.interval(moments[name]),
            mean_interval(state["validation"].get(name, [])),
            state["arms"][name]["dropped_in"],
        )
        for name in state["instructions"]
    )


def _moments(arm: ArmStats) -> Moments:
    n = arm["pulls"]
    if not n:
        return Moments()
    mean = arm["total"] / n
    return Moments(n, mean, max(arm["squares"] - n * mean**2, 0.0) if n > 1 else 0.0)


def _round(row: dict[str, object]) -> Round:
    tuples = {"survivors", "improvements", "children"}
    return Round(**{name: tuple(value) if name in tuples else value for name, value in row.items()})  # type: ignore[arg-type]


def _column(name: str, shots: Sequence[Shot]) -> Column:
    rewards = [shot["reward"] for shot in shots]
    return Column(
        name=name,
        reward=mean_interval(rewards),
        taste=mean_interval([shot["taste"] for shot in shots]),
        questions=mean_interval([shot["questions"] for shot in shots]),
        acceptance=mean_interval([shot["acceptance"] for shot in shots]),
        acceptance_questions=mean_interval([shot.get("acceptance_questions") for shot in shots]),
        pictures=sum(shot["picture"] is not None for shot in shots),
        unscored=sum(reward is None for reward in rewards),
    )


def _examples(deps: EvolveDeps, columns: dict[str, list[Shot]]) -> tuple[Example, ...]:
    shots: dict[str, dict[str, FinalShot]] = {}
    for name, of_column in columns.items():
        for shot in of_column:
            shots.setdefault(shot["query"], {})[name] = _final(shot)
    return tuple(Example(deps.by_id[query], by_column) for query, by_column in shots.items())


def _final(shot: Shot) -> FinalShot:
    return FinalShot(
        prompt=Prompt(shot["prompt"], shot["negative"]),
        picture=shot["picture"],
        reward=shot["reward"],
        taste=shot["taste"],
        questions=shot["questions"],
        acceptance=shot["acceptance"],
        acceptance_questions=shot.get("acceptance_questions"),
        evidence=heard(shot.get("evidence", ())),
    )
