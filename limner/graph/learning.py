"""The nodes that learn from a round: `learn` (rewards, survival, the worst), `criticise` and `modify`.

The batch-instructed gradient of BIGPE (arXiv 2406.08713): the worst survivor is contrasted, query by query, with the
best prompt known for the same query in this round, professional ones included; each improvement becomes one child.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from limner.agents import Contrast, Review, Trial, counted
from limner.bandits import Bandit
from limner.graph.deps import EvolveDeps, derive
from limner.graph.drawing import begin_next
from limner.graph.planning import another_round
from limner.graph.rewarding import rewarded
from limner.graph.state import PROFESSIONAL, ArmStats, EvolveState, InstructionRow, Shot
from limner.ledger import position
from limner.types import Instruction, Prompt


def learn(deps: EvolveDeps, state: EvolveState) -> dict[str, Any]:
    """Reward every shot, tell the bandit, keep the survivors and name the worst of them."""
    shots, spread = rewarded(deps.settings, state["shots"], state["spread"], beside=PROFESSIONAL)
    with deps.spans.plan() as span:
        policy = deps.bandit(state["bandit"])
        arms = _told(policy, state, shots)
        survivors = policy.keep(deps.settings.pool)
        dropped = [name for name in state["pool"] if name not in survivors]
        for name in dropped:
            policy.drop(name)
            arms[name] = {**arms[name], "dropped_in": state["round"]}
        worst = _worst(deps, shots, survivors)
        span.set(round=state["round"], survivors=survivors, dropped=dropped, worst=worst)
    return {
        "shots": shots,
        "spread": spread,
        "history": [shot for shot in shots if shot["reward"] is not None],
        "bandit": policy.state(),
        "arms": arms,
        "pool": [name for name in state["pool"] if name in survivors],
        "survivors": list(survivors),
        "worst": worst,
        "goes_on": another_round(deps, state),
    }


def _told(policy: Bandit, state: EvolveState, shots: Sequence[Shot]) -> dict[str, ArmStats]:
    arms = {name: state["arms"][name] for name in state["pool"]}
    for shot in shots:
        name, reward = shot["arm"], shot["reward"]
        if name not in arms or reward is None:
            continue
        policy.tell(name, reward, pair=(shot["query"], shot["seed"]))
        old = arms[name]
        arms[name] = ArmStats(
            pulls=old["pulls"] + 1,
            total=old["total"] + reward,
            squares=old["squares"] + reward**2,
            dropped_in=None,
        )
    return arms


def _worst(deps: EvolveDeps, shots: Sequence[Shot], survivors: Sequence[str]) -> str:
    """The worst survivor of the batch; a batch of one request says too little, and the bandit's own order decides."""
    if deps.settings.batch == 1:
        return survivors[-1]
    return min(survivors, key=lambda name: _batch_mean(shots, name))


def _batch_mean(shots: Sequence[Shot], arm: str) -> float:
    rewards = [shot["reward"] for shot in shots if shot["arm"] == arm and shot["reward"] is not None]
    return sum(rewards) / len(rewards) if rewards else float("-inf")


def contrasts(deps: EvolveDeps, shots: Sequence[Shot], worst: str) -> tuple[Contrast, ...]:
    """For each query where some other prompt did better than the worst survivor's: both of them."""
    found = []
    for shot in shots:
        if shot["arm"] != worst or shot["reward"] is None:
            continue
        rivals = [other for other in shots if other["query"] == shot["query"] and other["reward"] is not None]
        best = max(rivals, key=lambda other: other["reward"] or 0.0)
        if (best["reward"] or 0.0) > shot["reward"]:
            found.append(Contrast(worst=_seen(deps, shot), best=_seen(deps, best)))
    return tuple(found)


def _trial(deps: EvolveDeps, shot: Shot) -> Trial:
    assert shot["reward"] is not None
    return Trial(deps.by_id[shot["query"]], Prompt(shot["prompt"], shot["negative"]), shot["reward"])


def _seen(deps: EvolveDeps, shot: Shot) -> Trial:
    """A trial with its picture, where the critic looks at pictures."""
    trial = _trial(deps, shot)
    if not deps.agents.sees or shot["picture"] is None:
        return trial
    return replace(trial, picture=deps.ledger.picture(shot["picture"]))


async def criticise(deps: EvolveDeps, state: EvolveState) -> dict[str, Any]:
    """Ask the critic for improvements of the worst survivor; none if nothing beat its own prompts.

    The other survivors will be drawn again whatever the critic says, so their next prompts are written meanwhile.
    """
    assert state["worst"] is not None
    begin_next(deps, state, [instruction_of(state, name) for name in state["pool"] if name != state["worst"]])
    found = contrasts(deps, state["shots"], state["worst"])
    if not found:
        return {"improvements": []}
    review = Review(
        instruction=instruction_of(state, state["worst"]),
        contrasts=found,
        history=tuple(_trial(deps, shot) for shot in state["history"]),
        tried=tuple(instruction_of(state, name) for name in state["instructions"]),
        seed=derive(deps.settings.seed, "critic", state["round"]),
    )
    with position("critic", f"round {state['round']}"), deps.spans.agent("critic") as span, counted() as mended:
        critique = await deps.agents.critic.criticise(review, limit=deps.settings.children)
        span.set(weaknesses=list(critique.weaknesses), improvements=list(critique.improvements))
    return {"improvements": list(critique.improvements), "failures": dict(mended)}


async def modify(deps: EvolveDeps, state: EvolveState) -> dict[str, Any]:
    """Replace the worst survivor by one child per improvement, or by more specific variants where there was none."""
    assert state["worst"] is not None
    with counted() as mended:
        children, fallback = await _children(deps, state, instruction_of(state, state["worst"]))
    policy = deps.bandit(state["bandit"])
    pool = list(state["pool"])
    arms: dict[str, ArmStats] = {}
    if children:
        begin_next(deps, state, children, apart=0.0)
        policy.drop(state["worst"])
        pool.remove(state["worst"])
        arms[state["worst"]] = {**state["arms"][state["worst"]], "dropped_in": state["round"]}
    for child in children:
        policy.add(child.id, parent=child.parent, parts=child.sentences)
        pool.append(child.id)
        arms[child.id] = ArmStats(pulls=0, total=0.0, squares=0.0, dropped_in=None)
    return {
        "pool": pool,
        "bandit": policy.state(),
        "arms": arms,
        "instructions": {child.id: row_of(child) for child in children},
        "exhausted": not children,
        "rounds": [_round_row(state, children, fallback)],
        "failures": dict(mended),
    }


async def _children(deps: EvolveDeps, state: EvolveState, worst: Instruction) -> tuple[list[Instruction], bool]:
    """Children of the worst survivor, distinct from every instruction there ever was, and whether they are variants."""
    tried = [instruction_of(state, name) for name in state["instructions"]]
    number, modifier = state["round"], deps.agents.modifier
    with deps.spans.agent("modifier") as span:
        with position("modifier", f"round {number}"):
            born = await _born(deps, state, worst, tried)
            fallback = not born
            if fallback:
                seed = derive(deps.settings.seed, "variants", number)
                born = list(await modifier.vary(worst, deps.settings.children, tried, seed))
        span.set(instruction_id=worst.id, children=[child.id for child in born], fallback=fallback)
    known = {one.id for one in tried}
    named = {child.id: Instruction(child.text, worst.id, number, child.reason) for child in born}
    return [child for name, child in named.items() if name not in known], fallback


async def _born(
    deps: EvolveDeps, state: EvolveState, worst: Instruction, tried: Sequence[Instruction]
) -> list[Instruction]:
    """One child per improvement, all asked for at once; one that a sibling is already is asked for again."""

    async def child(item: int, improvement: str, avoid: Sequence[Instruction]) -> Instruction | None:
        with position("modifier", f"improvement {item}"):
            seed = derive(deps.settings.seed, "modifier", state["round"], item)
            return await deps.agents.modifier.modify(worst, improvement, avoid, seed)

    asked = state["improvements"]
    first = await asyncio.gather(*(child(item, improvement, tried) for item, improvement in enumerate(asked)))
    born: dict[str, Instruction] = {}
    for item, one in enumerate(first):
        if one is not None and one.id in born:
            one = await child(item, asked[item], [*tried, *born.values()])
        if one is not None:
            born.setdefault(one.id, one)
    return list(born.values())


def instruction_of(state: EvolveState, name: str) -> Instruction:
    """The instruction with this id."""
    return Instruction(**state["instructions"][name])


def row_of(instruction: Instruction) -> InstructionRow:
    """An instruction as it stands in the state."""
    return InstructionRow(
        text=instruction.text, parent=instruction.parent, round=instruction.round, reason=instruction.reason
    )


def _round_row(state: EvolveState, children: Sequence[Instruction], fallback: bool) -> dict[str, Any]:
    """What the report tells of this round."""
    shots = state["shots"]
    assert state["batch"] is not None
    arms = state["batch"]["arms"]
    return {
        "number": state["round"],
        "pulls": {name: sum(shot["arm"] == name and shot["reward"] is not None for shot in shots) for name in arms},
        "rewards": {name: _finite(_batch_mean(shots, name)) for name in arms},
        "survivors": state["survivors"],
        "worst": state["worst"],
        "improvements": state["improvements"],
        "children": [child.id for child in children],
        "fallback": fallback,
        "pictures": sum(shot["picture"] is not None for shot in shots),
    }


def _finite(value: float) -> float | None:
    return value if value > float("-inf") else None
