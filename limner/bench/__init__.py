"""The measured claims: one module per benchmark, each a function that returns one JSON object."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

BENCHMARKS = {
    "world": "whether the embedded world can be trusted: oracle, painter, eye, taste, editing, cost",
    "resume": "SIGKILL at random moments, resume, compare with an uninterrupted run",
    "catalogue": "what each sentence of the directives' catalogue does to pictures, alone",
    "draw": "pictures per second of the painter through generator and ledger, over the bare pipeline",
    "overhead": "evolve's wall time over bare drawing and scoring of the same batches",
    "hps": "the HPS v2 scorer beside the package hpsv2: the same scores, and how much faster",
    "onnx": "drawing on a CPU with ONNX Runtime over torch, one picture at a time and in batches",
    "evolve": "evolved instructions on unseen requests beside other ways of asking, and false claims",
    "transfer": "instructions evolved on one painter, used on another",
    "agents": "evolve's wall time over the chain of language model turns that a round cannot do without",
    "search": "pictures until the search's choice is good, ours beside random search, halving, gepa and promptolution",
    "calibration": "how far eye and taste can be believed, by kind, with reliability curves",
    "bandit": "how far each bandit's final choice falls short of the best arm, ours beside the peers",
}
"""Name and what it measures; the module of that name has `measure(*, quick)`."""


def benchmark(name: str) -> Callable[..., dict[str, Any]]:
    """The benchmark of that name.

    Raises:
        UsageError: there is none.
    """
    from limner.errors import UsageError

    if name not in BENCHMARKS:
        raise UsageError(f"There is no benchmark {name!r}. There are: {', '.join(BENCHMARKS)}.")
    measure: Callable[..., dict[str, Any]] = import_module(f"limner.bench.{name}").measure
    return measure
