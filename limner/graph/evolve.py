r"""The evolve graph: BIGPE (arXiv 2406.08713) as one loop.

    plan -> write (one task per arm) -> draw -> score -> learn -> criticise -> modify -> plan ...
         \> ask (questions) ---------------/      |-> choose -> plan    (after the validation queries)
                                                   '-> tabulate -> end   (after the held-out queries)

`plan` decides what is drawn next; the same four nodes draw it in every phase. Nothing is compiled at import.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from limner.graph.deps import EvolveDeps
from limner.graph.drawing import Tell, ask, ask_next, draw, score, write, write_tasks
from limner.graph.finish import choose, tabulate
from limner.graph.learning import criticise, learn, modify, row_of
from limner.graph.nodes import Update, from_async, from_sync
from limner.graph.pairing import paired
from limner.graph.planning import plan
from limner.graph.state import ArmStats, EvolveState

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph

RECURSION_LIMIT = 100_000
"""Supersteps that LangGraph allows a run; ours stops by budget and rounds long before."""


def build_evolve(
    deps: EvolveDeps, checkpointer: BaseCheckpointSaver[str] | None = None
) -> CompiledStateGraph[EvolveState, None, EvolveState, EvolveState]:
    """Compile the graph.

    Args:
        deps: what the nodes call.
        checkpointer: `SqliteSaver` for `invoke`, `AsyncSqliteSaver` for `ainvoke` and `astream`, or None. A wrong
            pairing is a `limner.errors.UsageError` when the graph is run.

    Returns:
        The graph; run it on `initial_state(deps)`, or on None to resume a thread.
    """
    graph = StateGraph(EvolveState)
    graph.add_node("draw", from_sync(partial(_telling, draw, deps), "draw", beside=partial(ask_next, deps)))
    graph.add_node("score", from_sync(partial(_telling, score, deps), "score"))
    graph.add_node("learn", from_sync(partial(learn, deps), "learn"))
    for agent in (ask, criticise, modify):
        graph.add_node(agent.__name__, from_async(partial(agent, deps), agent.__name__))
    graph.add_node("write", from_async(partial(write, deps), "write"))
    for turn in (plan, choose, tabulate):
        graph.add_node(turn.__name__, from_sync(partial(turn, deps), turn.__name__, always=True))
    graph.add_edge(START, "plan")
    graph.add_conditional_edges("plan", partial(_after_plan, deps), ["write", "ask", "choose", "tabulate"])
    graph.add_edge("write", "draw")
    graph.add_edge(["draw", "ask"], "score")
    graph.add_conditional_edges("score", _after_score, ["learn", "choose", "tabulate", "plan"])
    graph.add_edge("learn", "criticise")
    graph.add_edge("criticise", "modify")
    graph.add_edge("modify", "plan")
    graph.add_edge("choose", "plan")
    graph.add_edge("tabulate", END)
    return graph.compile(checkpointer=paired(checkpointer) if checkpointer else None)


def initial_state(deps: EvolveDeps) -> EvolveState:
    """The state before the first round: the start instruction alone in the pool."""
    start = deps.start
    policy = deps.bandit()
    policy.add(start.id, parts=start.sentences)
    return EvolveState(
        round=0,
        phase="search",
        batch=None,
        batches=0,
        pool=[start.id],
        instructions={start.id: row_of(start)},
        arms={start.id: ArmStats(pulls=0, total=0.0, squares=0.0, dropped_in=None)},
        bandit=policy.state(),
        spread={},
        questions={},
        written=[],
        shots=[],
        history=[],
        worst=None,
        survivors=[],
        improvements=[],
        exhausted=False,
        goes_on=False,
        rounds=[],
        validation={},
        best=None,
        p_within_epsilon=None,
        final=[],
        failures={},
        spent=None,
        stop_reason=None,
    )


def _telling(step: Callable[[EvolveDeps, EvolveState, Tell], Update], deps: EvolveDeps, state: EvolveState) -> Update:
    """Take a step that tells how far it is, to whoever streams the graph's custom events."""
    write = get_stream_writer()
    return step(deps, state, lambda done, of: write({"node": step.__name__, "done": done, "of": of}))


def _after_plan(deps: EvolveDeps, state: EvolveState) -> list[Any] | str:
    if state["batch"] is None:
        return "choose" if state["best"] is None else "tabulate"
    return [*(Send("write", task) for task in write_tasks(deps, state)), "ask"]


def _after_score(state: EvolveState) -> str:
    if state["spent"] or state["batch"] is None:
        return "plan"
    return {"search": "learn", "validation": "choose", "held_out": "tabulate"}[state["batch"]["phase"]]
