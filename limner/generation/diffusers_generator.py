"""Pictures from any text-to-image pipeline of diffusers, in this process.

Files are checked at once, but weights are loaded when the first picture is drawn, so that a replay does not need them.
Recipes with equal settings share a call of the pipeline; a batch that does not fit into memory is halved.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from limner.errors import GenerationError, UsageError
from limner.generation import folder as folders
from limner.generation.finishing import SMALL, finish
from limner.generation.fitting import Fitting
from limner.generation.loading import load
from limner.generation.pipeline import Pipeline, Plan
from limner.generation.setup import Setup
from limner.generation.stepwise import DiffusersRun
from limner.pictures import encode
from limner.types import Failure, Picture, Recipe, Terms

if TYPE_CHECKING:
    from PIL.Image import Image


class DiffusersGenerator:
    """A diffusers folder, or a hub id, as a generator.

    `batch` is the number of pictures per call (default 16 for folders that state small pictures, else 4).
    """

    def __init__(self, name: str | Path, *, batch: int | None = None, setup: Setup | None = None) -> None:
        """Check the folder.

        Raises:
            UnknownModel: neither a folder nor a hub id.
            WeightsError: a file is missing or broken.
            UsageError: no such batch, or no such device on this machine.
        """
        if batch is not None and batch < 1:
            raise UsageError(f"batch={batch!r}: draw at least 1 picture at once.")
        self._folder = folders.find(str(name))
        self._check()
        self._defaults = folders.defaults(self._folder)
        self._name = str(name) if self._folder != Path(name).expanduser() else self._folder.resolve().name
        self._setup = setup or Setup()
        self._setup.check()
        self._fitting = Fitting(batch or usual_batch(self._defaults), lambda: self.device)
        self.terms = Terms(batch=self._fitting.size)
        self._lock = Lock()

    @cached_property
    def identity(self) -> str:
        """Name, hash of the files, dtype and what else of the setup changes pictures."""
        return f"diffusers:{self._name}@{folders.content_hash(self._folder)}{self._setup.marks()}"

    @cached_property
    def device(self) -> str:
        """Where it draws."""
        return self._setup.place()

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return self._folder

    @property
    def networks(self) -> dict[str, Any]:
        """The pipeline's networks by component name."""
        import torch

        return {name: one for name, one in self.pipeline.pipe.components.items() if isinstance(one, torch.nn.Module)}

    @property
    def token_limit(self) -> int | None:
        """How many tokens of a prompt the model reads, start and end marks included; the rest is cut off."""
        return self.pipeline.tokens.limit

    def count_tokens(self, text: str) -> int:
        """Tokens of a prompt, start and end marks included, by the model's own tokenizer."""
        return self.pipeline.tokens.count(text)

    def generate(self, recipes: Sequence[Recipe]) -> list[Picture | Failure]:
        """Draw each recipe; what it leaves open is the folder's own (`limner.json`), else the pipeline's.

        Raises:
            WeightsError: the files do not load.
        """
        drawn: dict[int, Picture | Failure] = {}
        with self._lock:  # a pipeline keeps its scheduler's state, so it draws one batch at a time
            groups = self.grouped(recipes, drawn)
            for plan, places in groups.items():
                same = [recipes[place] for place in places]
                pictures = self._fitting.in_parts(same, partial(self._draw, plan))
                drawn.update(zip(places, pictures, strict=True))
        return [drawn[place] for place in range(len(recipes))]

    def start(self, recipes: Sequence[Recipe], at: Collection[int]) -> DiffusersRun:
        """Draw with previews after the steps `at`; see `limner.protocols.Stepwise`.

        Raises:
            WeightsError: the files do not load.
        """
        return DiffusersRun(self, recipes, at)

    @property
    def fitting(self) -> int:
        """Pictures at once, as far as is known what fits into memory."""
        return self._fitting.size

    def grouped(self, recipes: Sequence[Recipe], refused: dict[int, Picture | Failure]) -> dict[Plan, list[int]]:
        """Places of recipes by the settings that they share; what cannot be drawn goes into `refused`."""
        groups: dict[Plan, list[int]] = {}
        for place, recipe in enumerate(recipes):
            if wrong := problem(recipe):
                refused[place] = Failure("GenerationError", wrong)
            else:
                groups.setdefault(self.plan(recipe), []).append(place)
        return groups

    def _check(self) -> None:
        folders.check(self._folder)

    @cached_property
    def pipeline(self) -> Pipeline:
        """The pipeline, loaded when it is first needed."""
        return Pipeline(load(self._folder, self._setup))

    def plan(self, recipe: Recipe) -> Plan:
        """All that decides how a recipe is drawn, apart from its prompt and seed."""
        return settled(recipe, self._defaults, self.pipeline)

    def picture(self, image: Image, recipe: Recipe, plan: Plan) -> Picture:
        """A drawn image as a picture that says how it was drawn."""
        used = replace(recipe, steps=plan.steps, guidance=plan.guidance, scheduler=plan.scheduler)
        return Picture(encode(image, used, self.identity), recipe, self.identity)

    def _draw(self, plan: Plan, recipes: Sequence[Recipe]) -> list[Picture | Failure]:
        prompts = [(recipe.prompt.text, recipe.prompt.negative) for recipe in recipes]
        for text, _ in prompts:
            self.pipeline.tokens.warn(text)
        try:
            drawn = self.pipeline.draw(plan, prompts, [recipe.seed for recipe in recipes])
        except (GenerationError, ValueError) as error:
            return [Failure("GenerationError", f"The pipeline refused the recipe: {error}")] * len(recipes)
        return finish(drawn, lambda place, image: self.picture(image, recipes[place], plan), self._setup.dtype)


def usual_batch(defaults: folders.Defaults) -> int:
    """Pictures at once where nothing is said: 16 if the folder states small ones, else 4."""
    return 16 if defaults.width and defaults.height and defaults.width * defaults.height <= SMALL else 4


def settled(recipe: Recipe, own: folders.Defaults, pipe: Pipeline) -> Plan:
    """A recipe's settings, else the folder's, else the pipeline's."""
    return Plan(
        steps=recipe.steps or own.steps or pipe.steps,
        guidance=next((g for g in (recipe.guidance, own.guidance) if g is not None), pipe.guidance),
        width=recipe.width or own.width,
        height=recipe.height or own.height,
        scheduler=recipe.scheduler or own.scheduler or pipe.scheduler,
        negative=bool(recipe.prompt.negative),
    )


def problem(recipe: Recipe) -> str | None:
    """What is impossible in a recipe, whichever pipeline draws it; None if nothing is."""
    if recipe.steps is not None and recipe.steps < 1:
        return f"steps={recipe.steps}: draw with at least 1 step."
    if not 0 <= recipe.seed < 2**63:
        return f"seed={recipe.seed}: choose a seed from 0 to 2**63 - 1."
    return None
