"""All figures of the embedded world in one object; pictures are drawn once and shared by what is measured on them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from limner.bench.conditions import conditions
from limner.bench.editing import edit_success
from limner.bench.world import cost, judges, painter
from limner.bench.world.asking import as_reading
from limner.bench.world.gallery import Gallery, Shown
from limner.bench.world.oracle import Rendering, against_labels, agreement, on_renderings, renderings
from limner.bench.world.targets import judged
from limner.generation import generator
from limner.microworld.cases import cases
from limner.microworld.labels import Labelled, labelled
from limner.microworld.train.painter import STEPS, load
from limner.protocols import Stepwise, VisionModel
from limner.quiet import quiet
from limner.scoring import scorer, vision_model

if TYPE_CHECKING:
    from diffusers import StableDiffusionPipeline

SEED = 5
_CATEGORY_SEEDS, _CASE_SEEDS, _PREVIEW_SEEDS = 10_000_000, 20_000_000, 30_000_000

_log = logging.getLogger(__name__)


class Size(NamedTuple):
    """How much is measured on: renderings, scenes by number of things, requests of a category, cases, ...

    cases: about whose pictures the eye is asked; compared: whose pictures the taste orders, those cases first.
    read_twice: pictures that the second reader reads. seen: renderings about which the eye is asked. labels: labelled
    pictures at most. tries: timings.
    """

    renderings: int
    scenes: dict[int, int]
    category: int
    cases: int
    compared: int
    previews: int
    read_twice: int
    seen: int
    labels: int
    edits: int
    tries: int


FULL = Size(5_000, {1: 200, 2: 200, 3: 100, 4: 100, 5: 100}, 60, 100, 300, 48, 1_000, 200, 200, 100, 3)
QUICK = Size(40, {1: 6, 2: 6, 3: 2, 4: 2, 5: 2}, 1, 4, 6, 4, 40, 6, 6, 5, 1)


def measure(*, quick: bool = False) -> dict[str, Any]:
    """Measure everything; `targets` says which figures reach what is asked of them."""
    size = QUICK if quick else FULL
    model, vision = generator("microworld", batch=16), vision_model("microworld")
    assert isinstance(model, Stepwise), "the painter is a pipeline of diffusers"
    gallery = Gallery(model)
    drawn, labels = renderings(size.renderings, SEED), labelled()[: size.labels]
    report: dict[str, Any] = on_renderings(drawn, SEED)
    _log.info("%d renderings read", len(drawn))
    report["oracle_vs_eye_labels"] = against_labels(labels, SEED)
    report["painter"] = {
        **painter.shares(gallery, size.scenes, SEED),
        "steps": STEPS,
        "previews": painter.previews(model, size.previews, _PREVIEW_SEEDS),
    }
    report["categories"] = painter.by_category(gallery, size.category, _CATEGORY_SEEDS)
    report["eye"] = _eye(gallery, vision, size)
    report["oracle_agreement"] = agreement(_some(gallery.shown, size.read_twice), SEED)
    report["taste_agreement"] = _taste(gallery, size)
    report |= _eye_elsewhere(vision, drawn[: size.seen], labels)
    report["edit_success"] = edit_success(size.edits, SEED)
    report |= {
        "weights_mb": cost.weights_mb(),
        "gflop_per_picture": cost.gflop_per_picture(_pipeline()),
        "pictures_per_second": cost.pictures_per_second(model, size.tries),
    }
    report["targets"] = judged(report)
    return report | conditions(seeds=[SEED], pictures=len(gallery.shown), quick=quick)


def _pipeline() -> StableDiffusionPipeline:
    with quiet():
        return load()


def _eye(gallery: Gallery, vision: VisionModel, size: Size) -> dict[str, Any]:
    """The eye on pictures of held-out cases: half of them professional prompts, half plain requests."""
    shown = judges.painted(cases("held_out", size.cases), gallery, _CASE_SEEDS)
    looked = [*shown["professional"], *shown["plain"]]
    _log.info("asking the eye about %d pictures", len(looked))
    return judges.eye_figures(vision, looked, SEED)


def _taste(gallery: Gallery, size: Size) -> dict[str, Any]:
    """The taste on pictures of more held-out cases than the eye: the figure is a share near its target."""
    some = cases("held_out", size.compared)
    shown = judges.painted_in_parts(some, gallery, _CASE_SEEDS, size.cases)
    return judges.taste_figures(scorer("microworld"), some, shown, SEED)


def _eye_elsewhere(vision: VisionModel, drawn: list[Rendering], labels: list[Labelled]) -> dict[str, Any]:
    looked = [(judges.as_picture(picture, "rendering"), as_reading(scene)) for scene, picture in drawn]
    return {
        "eye_renderings": judges.eye_figures(vision, looked, SEED),
        "error_correlation": judges.error_correlation(vision, labels, SEED),
    }


def _some(shown: tuple[Shown, ...], count: int) -> list[Shown]:
    """Pictures at random, so that every measure's prompts are among them."""
    chosen = np.random.default_rng([SEED, 7]).permutation(len(shown))[:count]
    return [shown[int(number)] for number in sorted(chosen)]
