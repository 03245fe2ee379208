"""`limner bench catalogue`: what each sentence of the catalogue does to pictures of the embedded world, alone.

Every sentence is the whole instruction for the same validation queries and picture seeds; its effect is the difference
from the plain request in the share of pictures that are all-correct and well drawn by the oracle, paired by query.
"""

from __future__ import annotations

import asyncio
from typing import Any

from limner.agents import CATALOGUE, START, DirectiveWriter
from limner.bench.conditions import conditions
from limner.generation import generator
from limner.microworld.cases import SHIPPED, cases
from limner.microworld.law import Case
from limner.microworld.oracle import judge
from limner.statistics import paired_difference
from limner.types import Instruction, Interval, Picture, Prompt, Query, Recipe

QUERIES = 32
SEED = 11


def measure(*, quick: bool = False) -> dict[str, Any]:
    """Measure every sentence: `useful`, `useless`, `harmful`: those with an interval above, around, below 0."""
    directives = CATALOGUE[:3] if quick else CATALOGUE
    some = cases("validation", SHIPPED["validation"])[: 4 if quick else QUERIES]
    model = generator("microworld")
    plain = _share(model.generate(_recipes([case.text for case in some])), some)
    effects: dict[str, Interval] = {}
    for directive in directives:
        prompts = asyncio.run(_written(Instruction(directive.sentence), some))
        effects[directive.id] = _effect(_share(model.generate(_recipes(prompts)), some), plain)
    useful = [name for name, effect in effects.items() if effect.low is not None and effect.low > 0]
    harmful = [name for name, effect in effects.items() if effect.high is not None and effect.high < 0]
    return {
        "sentences": len(effects),
        "useful": useful,
        "useless": [name for name in effects if name not in useful and name not in harmful],
        "harmful": harmful,
        "plain": sum(plain.values()) / len(plain),
        "start": START.text,
        "effects": {name: effect._asdict() for name, effect in effects.items()},
        **conditions(seeds=[SEED], pictures=len(some) * (len(effects) + 1), quick=quick),
    }


async def _written(instruction: Instruction, some: list[Case]) -> list[str]:
    writer = DirectiveWriter()
    return [(await writer.write(instruction, Query(case.id, case.text))).text for case in some]


def _recipes(prompts: list[str]) -> list[Recipe]:
    return [Recipe(Prompt(text), SEED * 1000 + number) for number, text in enumerate(prompts)]


def _share(pictures: list[Any], some: list[Case]) -> dict[str, float]:
    """By query: 1 where the picture is all-correct and well drawn, else 0."""
    shares = {}
    for picture, case in zip(pictures, some, strict=True):
        verdict = judge(picture.image(), case) if isinstance(picture, Picture) else None
        shares[case.id] = float(verdict is not None and verdict.all_correct and verdict.well_drawn is True)
    return shares


def _effect(good: dict[str, float], plain: dict[str, float]) -> Interval:
    effect = paired_difference(good, plain)
    assert effect is not None, "every query was drawn both ways"
    return effect
