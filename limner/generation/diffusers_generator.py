"""Pictures from any text-to-image pipeline of diffusers, in this process.

Files are checked at once, but weights are loaded when the first picture is drawn, so that a replay does not need them.
Recipes with equal settings share a call of the pipeline; a batch that does not fit into memory is halved.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from limner.errors import GenerationError, UsageError
from limner.generation import folder as folders
from limner.generation.pipeline import Pipeline, Plan
from limner.pictures import encode
from limner.types import Failure, Picture, Recipe, Terms

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

DTYPES = ("auto", "float32", "bfloat16", "float16")
_SMALL = 256 * 256
"""Pixels up to which a batch of 16 is the default, and encoding in threads is not worth it."""

_log = logging.getLogger(__name__)


class DiffusersGenerator:
    """A diffusers folder, or a hub id, as a generator.

    `batch` is the number of pictures per call (default 16 for folders that state small pictures, else 4); `device`
    "auto" takes a CUDA device if there is one; `dtype` "auto" is bfloat16 or float16 there, else float32.
    """

    def __init__(
        self, name: str | Path, *, batch: int | None = None, device: str = "auto", dtype: str = "auto"
    ) -> None:
        """Check the folder.

        Raises:
            UnknownModel: neither a folder nor a hub id.
            WeightsError: a file is missing or broken.
            UsageError: no such dtype or batch.
        """
        if dtype not in DTYPES or (batch is not None and batch < 1):
            raise UsageError(
                f"dtype={dtype!r}, batch={batch!r}: dtype is one of {', '.join(DTYPES)}, batch at least 1."
            )
        self._folder = folders.find(str(name))
        folders.check(self._folder)
        self._defaults = folders.defaults(self._folder)
        self._name = str(name) if self._folder != Path(name).expanduser() else self._folder.resolve().name
        self._device, self._dtype = device, dtype
        self._fits = batch or self._usual_batch()
        self.terms = Terms(batch=self._fits)
        self._lock = Lock()

    @cached_property
    def identity(self) -> str:
        """Name, hash of the files and dtype."""
        dtype = str(_dtype(self._dtype, self.device)).removeprefix("torch.")
        return f"diffusers:{self._name}@{folders.content_hash(self._folder)}/{dtype}"

    @cached_property
    def device(self) -> str:
        """Where it draws."""
        return _device(self._device)

    @property
    def token_limit(self) -> int | None:
        """How many tokens of a prompt the model reads, start and end marks included; the rest is cut off."""
        return self._pipeline.token_limit

    def count_tokens(self, text: str) -> int:
        """Tokens of a prompt, start and end marks included, by the model's own tokenizer."""
        return self._pipeline.count_tokens(text)

    def generate(self, recipes: Sequence[Recipe]) -> list[Picture | Failure]:
        """Draw each recipe; what it leaves open is the folder's own (`limner.json`), else the pipeline's.

        Raises:
            WeightsError: the files do not load.
        """
        groups: dict[Plan, list[int]] = {}
        drawn: dict[int, Picture | Failure] = {}
        with self._lock:  # a pipeline keeps its scheduler's state, so it draws one batch at a time
            for place, recipe in enumerate(recipes):
                if problem := _problem(recipe):
                    drawn[place] = Failure("GenerationError", problem)
                else:
                    groups.setdefault(self._plan(recipe), []).append(place)
            for plan, places in groups.items():
                drawn.update(zip(places, self._draw_all(plan, [recipes[place] for place in places]), strict=True))
        return [drawn[place] for place in range(len(recipes))]

    @cached_property
    def _pipeline(self) -> Pipeline:
        return Pipeline(self._folder, self.device, _dtype(self._dtype, self.device))

    def _usual_batch(self) -> int:
        stated = self._defaults.width and self._defaults.height
        return 16 if stated and self._defaults.width * self._defaults.height <= _SMALL else 4  # type: ignore[operator]

    def _plan(self, recipe: Recipe) -> Plan:
        own, pipe = self._defaults, self._pipeline
        return Plan(
            steps=recipe.steps or own.steps or pipe.steps,
            guidance=next((g for g in (recipe.guidance, own.guidance) if g is not None), pipe.guidance),
            width=recipe.width or own.width,
            height=recipe.height or own.height,
            scheduler=recipe.scheduler or own.scheduler or pipe.scheduler,
            negative=bool(recipe.prompt.negative),
        )

    def _draw_all(self, plan: Plan, recipes: Sequence[Recipe]) -> list[Picture | Failure]:
        done: list[Picture | Failure] = []
        while len(done) < len(recipes):
            part = recipes[len(done) : len(done) + self._fits]
            try:
                done += self._draw(plan, part)
            except (RuntimeError, MemoryError) as error:
                if not _out_of_memory(error):
                    raise
                done += self._shrink(len(part), plan)
        return done

    def _draw(self, plan: Plan, recipes: Sequence[Recipe]) -> list[Picture | Failure]:
        prompts = [(recipe.prompt.text, recipe.prompt.negative) for recipe in recipes]
        try:
            images, withheld = self._pipeline.draw(plan, prompts, [recipe.seed for recipe in recipes])
        except (GenerationError, ValueError) as error:
            return [Failure("GenerationError", f"The pipeline refused the recipe: {error}")] * len(recipes)
        if images[0].shape[0] * images[0].shape[1] <= _SMALL:
            return [self._finish(*item) for item in zip(images, withheld, [plan] * len(recipes), recipes, strict=True)]
        with ThreadPoolExecutor(len(recipes)) as pool:
            return list(pool.map(self._finish, images, withheld, [plan] * len(recipes), recipes))

    def _finish(self, image: NDArray[np.float32], withheld: bool, plan: Plan, recipe: Recipe) -> Picture | Failure:
        import numpy as np
        from PIL import Image

        if withheld:
            return Failure("GenerationError", "The pipeline's safety checker withheld the picture. Change the prompt.")
        if not np.isfinite(image).all():
            return Failure(
                "GenerationError", f"The picture has values that are no numbers (dtype {self._dtype}). Try float32."
            )
        used = replace(recipe, steps=plan.steps, guidance=plan.guidance, scheduler=plan.scheduler)
        pixels = Image.fromarray((image * 255).round().astype(np.uint8))
        return Picture(encode(pixels, used, self.identity), recipe, self.identity)

    def _shrink(self, size: int, plan: Plan) -> list[Failure]:
        """Halve the batch from now on; a single picture that does not fit has failed."""
        import torch

        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if size == 1:
            return [
                Failure("GenerationError", f"Out of memory on {self.device} for one picture ({plan}). Draw it smaller.")
            ]
        self._fits = size // 2
        _log.warning("Out of memory with %d pictures at once on %s; going on with %d.", size, self.device, self._fits)
        return []


def _problem(recipe: Recipe) -> str | None:
    if recipe.steps is not None and recipe.steps < 1:
        return f"steps={recipe.steps}: draw with at least 1 step."
    if not 0 <= recipe.seed < 2**63:
        return f"seed={recipe.seed}: choose a seed from 0 to 2**63 - 1."
    return None


def _device(wanted: str) -> str:
    import torch

    return ("cuda" if torch.cuda.is_available() else "cpu") if wanted == "auto" else wanted


def _dtype(wanted: str, device: str) -> torch.dtype:
    import torch

    if wanted != "auto":
        chosen: torch.dtype = getattr(torch, wanted)
        return chosen
    if not device.startswith("cuda"):
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def _out_of_memory(error: RuntimeError | MemoryError) -> bool:
    import torch

    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)
