"""The painter's figures: what it gets right, by category too, and how much of a picture is decided half-way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from limner.bench.world.asking import share
from limner.bench.world.gallery import Gallery
from limner.microworld.categories import CATEGORIES, category_cases
from limner.microworld.figures import all_hold, complete_prompts, painter_figures, some_scenes
from limner.microworld.grammar import facts
from limner.microworld.law import FRAME, Constraint, Noun, Scene
from limner.microworld.oracle import Reading, read, verdict
from limner.microworld.train.painter import GUIDANCE, STEPS
from limner.statistics import mean_interval

if TYPE_CHECKING:
    from diffusers import StableDiffusionPipeline
    from PIL.Image import Image

_SEEDS_APART = 1_000
_BATCH = 16


def interval(values: Sequence[float]) -> dict[str, float | None] | None:
    """Mean with its 95 % interval, as JSON."""
    found = mean_interval(values)
    return found and found._asdict()


def shares(gallery: Gallery, counts: Mapping[int, int], seed: int) -> dict[str, Any]:
    """`painter_figures` with their intervals."""
    return {name: interval(values) for name, values in painter_figures(gallery.readings, counts, seed).items()}


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


def previews(pipeline: StableDiffusionPipeline, count: int, seed: int) -> dict[str, Any]:
    """How many facts of finished two-object pictures can be told, and are the same, in the middle of the drawing.

    `decided` is that share, clustered by picture, and `by_kind` by kind of fact. Facts that cannot be told in the
    finished picture are left out; one that cannot be told half-way is not decided.
    """
    scenes = some_scenes(count, 2, seed)
    early, late = _both(pipeline, complete_prompts(scenes, seed), seed)
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


def _both(pipeline: StableDiffusionPipeline, prompts: Sequence[str], seed: int) -> tuple[list[Reading], list[Reading]]:
    """Readings of previews at the middle step, and of the finished pictures."""
    early: list[Reading] = []
    late: list[Reading] = []
    for start in range(0, len(prompts), _BATCH):
        half, whole = draw_with_previews(pipeline, prompts[start : start + _BATCH], seed + start)
        early += [read(picture) for picture in half]
        late += [read(picture) for picture in whole]
    return early, late


def draw_with_previews(
    pipeline: StableDiffusionPipeline, prompts: Sequence[str], seed: int, middle: int = STEPS // 2
) -> tuple[list[Image], list[Image]]:
    """What the model foresees at a step (1 to STEPS - 2), and the finished pictures.

    A step of DDIM (arXiv 2010.02502, equation 12, eta 0) goes from sqrt(a) x0 + sqrt(1 - a) e to the same x0 and e
    with the next a: two latents in a row give back the x0 that the model predicted between them.
    """
    import torch

    latents: dict[int, torch.Tensor] = {}

    def keep(_pipe: Any, step: int, _time: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        latents[step] = inputs["latents"]
        return inputs

    finished = pipeline(
        list(prompts),
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        width=FRAME,
        height=FRAME,
        generator=[torch.Generator("cpu").manual_seed(seed + i) for i in range(len(prompts))],
        callback_on_step_end=keep,
    ).images
    times = pipeline.scheduler.timesteps
    before, after = (pipeline.scheduler.alphas_cumprod[times[step]] for step in (middle, middle + 1))
    x, y = latents[middle - 1], latents[middle]
    x0 = (x * (1 - after).sqrt() - y * (1 - before).sqrt()) / (
        (before * (1 - after)).sqrt() - (after * (1 - before)).sqrt()
    )
    with torch.no_grad():
        decoded = pipeline.vae.decode(x0 / pipeline.vae.config.scaling_factor).sample
    return pipeline.image_processor.postprocess(decoded, output_type="pil"), finished
