"""Limner: better pictures from text-to-image models, by improving how they are asked.

Everything public is listed here and loaded when it is first used, so that importing Limner costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from limner.agents.lists import question_list as question_list
    from limner.generation import from_callable as generator
    from limner.graph.api import aevolve as aevolve
    from limner.graph.api import evolve as evolve
    from limner.graph.api import evolve_deps as evolve_deps
    from limner.graph.evolve import build_evolve as build_evolve
    from limner.graph.evolve import initial_state as initial_state
    from limner.graph.scoring import score_pictures as score
    from limner.graph.writing import write_prompts as write
    from limner.ledger import Budget as Budget
    from limner.results import EvolveResult as EvolveResult
    from limner.scoring import scorer_from_callable as scorer
    from limner.types import Instruction as Instruction
    from limner.types import Prompt as Prompt
    from limner.types import Query as Query
    from limner.types import Recipe as Recipe

_WHERE = {
    "Budget": ("limner.ledger", "Budget"),
    "EvolveResult": ("limner.results", "EvolveResult"),
    "Instruction": ("limner.types", "Instruction"),
    "Prompt": ("limner.types", "Prompt"),
    "Query": ("limner.types", "Query"),
    "Recipe": ("limner.types", "Recipe"),
    "aevolve": ("limner.graph.api", "aevolve"),
    "build_evolve": ("limner.graph.evolve", "build_evolve"),
    "evolve": ("limner.graph.api", "evolve"),
    "evolve_deps": ("limner.graph.api", "evolve_deps"),
    "generator": ("limner.generation", "from_callable"),
    "initial_state": ("limner.graph.evolve", "initial_state"),
    "question_list": ("limner.agents.lists", "question_list"),
    "score": ("limner.graph.scoring", "score_pictures"),
    "scorer": ("limner.scoring", "scorer_from_callable"),
    "write": ("limner.graph.writing", "write_prompts"),
}
__all__ = [
    "Budget",
    "EvolveResult",
    "Instruction",
    "Prompt",
    "Query",
    "Recipe",
    "aevolve",
    "build_evolve",
    "evolve",
    "evolve_deps",
    "generator",
    "initial_state",
    "question_list",
    "score",
    "scorer",
    "write",
]


def __getattr__(name: str) -> object:
    """Load a public name from where it lives."""
    if name not in _WHERE:
        raise AttributeError(f"module 'limner' has no attribute {name!r}")
    module, attribute = _WHERE[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
