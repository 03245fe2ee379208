"""The painter's figures: what it gets right, by category too, and how much of a picture is decided half-way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from limner.bench.world.asking import share
from limner.bench.world.gallery import Gallery
from limner.microworld.categories import CATEGORIES, category_cases
from limner.microworld.figures import all_hold, complete_prompts, painter_figures, scenes_behind, some_scenes
from limner.microworld.grammar import facts
from limner.microworld.law import FRAME, Constraint, Noun, Scene
from limner.microworld.oracle import Reading, read, verdict
from limner.microworld.splits import Content, content
from limner.microworld.train.painter import GUIDANCE, STEPS
from limner.protocols import Stepwise
from limner.statistics import clustered_share, mean_interval
from limner.types import Picture, Prompt, Recipe

_SEEDS_APART = 1_000
_HALF_WAY = STEPS // 2 + 1
"""The step whose prediction is looked at: the first of the second half."""


def interval(values: Sequence[float]) -> dict[str, float | None] | None:
    """Mean with its 95 % interval, as JSON."""
    found = mean_interval(values)
    return found and found._asdict()


def shares(gallery: Gallery, counts: Mapping[int, int], seed: int) -> dict[str, Any]:
    """`painter_figures` with their intervals, in which scenes of one content err together.

    Few contents are held out of those of one thing, so that many scenes of them say less than they seem to; how many
    there are stands beside each figure, as `contents`.
    """
    figures = painter_figures(gallery.readings, counts, seed)
    return {name: _by_content(scenes_behind(name, counts, seed), values) for name, values in figures.items()}


def _by_content(scenes: Sequence[Scene], values: Sequence[float]) -> dict[str, float | None] | None:
    groups: defaultdict[Content, list[float]] = defaultdict(list)
    for scene, value in zip(scenes, values, strict=True):
        groups[content(scene.things)].append(value)
    found = clustered_share(groups.values())
    return found and {**found._asdict(), "contents": len(groups)}


def by_category(gallery: Gallery, count: int, seed: int) -> dict[str, Any]:
    """All-correct share of `count` requests of each category, asked as they stand and by a complete prompt."""
    found = {}
    for number, category in enumerate(CATEGORIES):
        cases = category_cases(category, count)
        first = seed + number * _SEEDS_APART
        prompts = {
            "plain": [case.text for case in cases],
            "complete": complete_prompts([case.scene for case in cases], first),
        }
        found[category] = {
            manner: interval(
                [
                    all_hold(reading, case.constraints)
                    for reading, case in zip(gallery.readings(texts, first), cases, strict=True)
                ]
            )
            for manner, texts in prompts.items()
        }
    return found


# -- half-way --------------------------------------------------------------------------------------------------------


def previews(model: Stepwise, count: int, seed: int) -> dict[str, Any]:
    """How many facts of finished two-object pictures can be told, and are the same, in the middle of the drawing.

    `decided` is that share, clustered by picture, and `by_kind` by kind of fact. Facts that cannot be told in the
    finished picture are left out; one that cannot be told half-way is not decided.
    """
    scenes = some_scenes(count, 2, seed)
    early, late = _both(model, complete_prompts(scenes, seed), seed)
    rows: list[float] = []
    by_kind: defaultdict[str, list[bool]] = defaultdict(list)
    for scene, half, whole in zip(scenes, early, late, strict=True):
        final = {fact: verdict(whole, fact) for fact in _facts(scene)}
        decided = {fact: verdict(half, fact) is said for fact, said in final.items() if said is not None}
        for fact, same in decided.items():
            by_kind[fact.kind].append(same)
        if decided:
            rows.append(float(np.mean(list(decided.values()))))
    return {
        "decided": interval(rows),
        "by_kind": {kind: share(flags) for kind, flags in by_kind.items()},
        "pictures": count,
    }


def _facts(scene: Scene) -> list[Constraint]:
    named = [Constraint("exists", Noun(thing.shape)) for thing in scene.things]
    coloured = [Constraint("attribute", Noun(thing.shape, thing.colour)) for thing in scene.things]
    return list(dict.fromkeys([*named, *coloured, *facts(scene)]))


def _both(model: Stepwise, prompts: Sequence[str], seed: int) -> tuple[list[Reading], list[Reading]]:
    """Readings of what the model foresees half-way, and of the finished pictures."""
    recipes = [Recipe(Prompt(text), seed + i, FRAME, FRAME, STEPS, GUIDANCE) for i, text in enumerate(prompts)]
    with model.start(recipes, [_HALF_WAY]) as run:
        early = [read(preview.picture.image()) for previews in run for preview in previews]
        return early, [read(picture.image()) for picture in run.pictures if isinstance(picture, Picture)]
