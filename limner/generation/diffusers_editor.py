"""Edited pictures from any pipeline of diffusers that can change one, in this process.

The folder's pipeline says in which manner: instruction editors (FLUX Kontext, Qwen-Image-Edit, InstructPix2Pix) are
told the change; text-to-image pipelines paint a region anew (inpainting) or start from the whole picture (img2img) and
are told the finished picture. Whatever the pipeline did outside of the region is put back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from limner.errors import GenerationError, UsageError
from limner.generation import folder as folders
from limner.generation.diffusers_generator import problem, settled, usual_batch
from limner.generation.finishing import finish
from limner.generation.fitting import Fitting
from limner.generation.loading import load
from limner.generation.pipeline import Pipeline, Plan
from limner.generation.setup import Setup
from limner.pictures import Origin, composite, encode
from limner.types import Edit, Failure, Picture, Prompt, Region, Terms

if TYPE_CHECKING:
    from PIL.Image import Image

Manner = Literal["instruct", "inpaint", "repaint"]
"""Told the change; a region painted anew; the whole picture painted anew from its own noise (img2img)."""

INSTRUCTED = {
    "StableDiffusionInstructPix2PixPipeline",
    "StableDiffusionXLInstructPix2PixPipeline",
    "FluxKontextPipeline",
    "QwenImageEditPipeline",
    "QwenImageEditPlusPipeline",
}
"""Pipelines that are told what to change."""
_AUTO = {"inpaint": "AutoPipelineForInpainting", "repaint": "AutoPipelineForImage2Image"}
STRENGTHS = {"inpaint": 1.0, "repaint": 0.6}
"""Strength where an edit leaves it open; pipelines' own differ widely."""
_RIM = 64
"""The soft rim of a region is this part of the picture's shorter side, and at least two pixels."""


class _Task(NamedTuple):
    """What edits of one call have in common."""

    manner: Manner
    plan: Plan
    strength: float | None


class DiffusersEditor:
    """A diffusers folder, or a hub id, as an editor; the manner follows from its pipeline's class.

    `batch` is the number of pictures per call (default as for drawing; 1 for editors that read several pictures as one
    request).
    """

    def __init__(self, name: str | Path, *, batch: int | None = None, setup: Setup | None = None) -> None:
        """Check the folder.

        Raises:
            UnknownModel: neither a folder nor a hub id.
            WeightsError: a file is missing or broken.
            UsageError: no such batch, or no such device on this machine.
        """
        if batch is not None and batch < 1:
            raise UsageError(f"batch={batch!r}: edit at least 1 picture at once.")
        self._folder = folders.find(str(name))
        folders.check(self._folder)
        self._defaults = folders.defaults(self._folder)
        self._name = str(name) if self._folder != Path(name).expanduser() else self._folder.resolve().name
        self._setup = setup or Setup()
        self._setup.check()
        self._kind = folders.pipeline_class(self._folder)
        one_by_one = self._kind in INSTRUCTED and "Pix2Pix" not in self._kind
        self._fitting = Fitting(1 if one_by_one else batch or usual_batch(self._defaults), self._setup.place)
        self.terms = Terms(batch=self._fitting.size)
        self._pipelines: dict[Manner, Pipeline] = {}
        self._lock = Lock()

    @cached_property
    def identity(self) -> str:
        """Name, hash of the files, dtype and what else of the setup changes pictures."""
        return f"diffusers:{self._name}@{folders.content_hash(self._folder)}{self._setup.marks()}"

    def edit(self, edits: Sequence[Edit]) -> list[Picture | Failure]:
        """Make each change; the result has the size of its picture.

        Raises:
            WeightsError: the files do not load.
        """
        done: dict[int, Picture | Failure] = {}
        groups: dict[_Task, list[int]] = {}
        with self._lock:
            for place, edit in enumerate(edits):
                try:
                    groups.setdefault(self._task(edit), []).append(place)
                except GenerationError as error:
                    done[place] = Failure("GenerationError", str(error))
            for task, places in groups.items():
                same = [edits[place] for place in places]
                done.update(zip(places, self._fitting.in_parts(same, partial(self._make, task)), strict=True))
        return [done[place] for place in range(len(edits))]

    def _task(self, edit: Edit) -> _Task:
        if wrong := problem(edit.recipe) or _wrong(edit):
            raise GenerationError(wrong)
        manner = self._manner(edit)
        pipeline = self._pipeline(manner)
        plan = settled(edit.recipe, self._defaults, pipeline)
        if manner != "instruct":  # an instruction editor has a size of its own, the others work at the picture's
            width, height = _working_size(edit, 8 if hasattr(pipeline.pipe, "unet") else 16)
            plan = plan._replace(width=width, height=height)
        strength = None if manner == "instruct" else edit.strength or STRENGTHS[manner]
        if strength is not None and int(plan.steps * strength) < 1:
            raise GenerationError(
                f"strength={strength:g} of {plan.steps} steps is less than one step. Give more of either."
            )
        return _Task(manner, plan, strength)

    def _manner(self, edit: Edit) -> Manner:
        if self._kind in INSTRUCTED:
            return "instruct"
        return "inpaint" if edit.region is not None or "Inpaint" in self._kind else "repaint"

    def _pipeline(self, manner: Manner) -> Pipeline:
        if manner not in self._pipelines:
            self._pipelines[manner] = Pipeline(self._loaded if self._kind in INSTRUCTED else self._adapted(manner))
        return self._pipelines[manner]

    @cached_property
    def _loaded(self) -> Any:
        if self._kind.startswith("QwenImageEdit"):
            return self._without_torchvision()
        if self._kind in INSTRUCTED:
            return load(self._folder, self._setup, "DiffusionPipeline")
        return load(
            self._folder, self._setup, _AUTO["inpaint"] if "Inpaint" in self._kind else "AutoPipelineForText2Image"
        )

    def _without_torchvision(self) -> Any:
        """Qwen-Image-Edit with a processor of ours."""
        from limner.generation.qwen_processor import QwenProcessor

        processor = QwenProcessor.load(self._folder / "processor")
        pipe = load(self._folder, self._setup, "DiffusionPipeline", {"processor": None})
        pipe.register_modules(processor=processor)
        return pipe

    def _adapted(self, manner: Manner) -> Any:
        """The same modules behind the pipeline for this manner."""
        loaded = self._loaded
        import diffusers  # which says nothing once a pipeline is loaded

        try:
            pipe = getattr(diffusers, _AUTO[manner]).from_pipe(loaded)
        except ValueError as error:
            what = "a region" if manner == "inpaint" else "a whole picture"
            raise GenerationError(f"{self._kind} cannot paint {what} anew ({error}). Name another editor.") from error
        pipe.set_progress_bar_config(disable=True)
        return pipe

    def _make(self, task: _Task, edits: Sequence[Edit]) -> list[Picture | Failure]:
        pipeline = self._pipeline(task.manner)
        told = [_told(edit, task.manner) for edit in edits]
        for text, _ in told:
            pipeline.tokens.warn(text)
        more = self._pictures(task, edits, pipeline)
        try:
            drawn = pipeline.draw(task.plan, told, [edit.recipe.seed for edit in edits], more)
        except (GenerationError, ValueError) as error:
            return [Failure("GenerationError", f"The pipeline refused the edit: {error}")] * len(edits)
        return finish(drawn, lambda place, image: self._picture(image, edits[place], task), self._setup.dtype)

    def _pictures(self, task: _Task, edits: Sequence[Edit], pipeline: Pipeline) -> dict[str, Any]:
        """What the pipeline is given besides a prompt, at the size at which it works."""
        images = [edit.picture.image() for edit in edits]
        plan = task.plan
        size = (plan.width, plan.height) if plan.width and plan.height else _multiple(images[0].size, 8)
        given = {
            "image": [image.resize(size) for image in images],
            "mask_image": [_mask(edit).resize(size) for edit in edits] if task.manner == "inpaint" else None,
            "strength": task.strength,
            "_auto_resize": False if plan.width and plan.height else None,
        }
        return {name: value for name, value in given.items() if value is not None and name in pipeline.arguments}

    def _picture(self, image: Image, edit: Edit, task: _Task) -> Picture:
        from PIL.Image import Resampling

        original = edit.picture.image()
        if image.size != original.size:
            image = image.resize(original.size, Resampling.LANCZOS)
        if edit.region is not None:
            image = composite(original, image, _mask(edit), rim(original.size))
        plan = task.plan
        told = Prompt(edit.recipe.prompt.text or edit.change, edit.recipe.prompt.negative)
        used = replace(edit.recipe, prompt=told, steps=plan.steps, guidance=plan.guidance, scheduler=plan.scheduler)
        origin = Origin(edit.picture.sha256, edit.change, edit.region, task.strength)
        return Picture(encode(image, used, self.identity, edit=origin), edit.recipe, self.identity)


def rim(size: tuple[int, int]) -> int:
    """Pixels around a region in which it fades into a picture of this size."""
    return max(2, min(size) // _RIM)


def region_mask(size: tuple[int, int], region: Region) -> Image:
    """White where the region is; mode L."""
    from PIL import Image

    mask = Image.new("L", size, 0)
    mask.paste(255, (region.x, region.y, region.x + region.width, region.y + region.height))
    return mask


def _mask(edit: Edit) -> Image:
    size = edit.picture.image().size
    return region_mask(size, edit.region or Region(0, 0, *size))


def _wrong(edit: Edit) -> str | None:
    width, height = edit.picture.image().size
    part = edit.region or Region(0, 0, width, height)
    inside = 0 <= part.x < part.x + part.width <= width and 0 <= part.y < part.y + part.height <= height
    if not inside:
        return f"The region {tuple(part)} is not within the picture of {width}x{height} pixels. Give x,y,width,height."
    if edit.strength is not None and not 0 < edit.strength <= 1:
        return f"strength={edit.strength}: choose more than 0 and at most 1."
    return None


def _told(edit: Edit, manner: Manner) -> tuple[str, str]:
    whole = edit.recipe.prompt
    return (edit.change if manner == "instruct" else whole.text or edit.change), whole.negative


def _working_size(edit: Edit, unit: int) -> tuple[int, int]:
    own = edit.picture.image().size
    return _multiple((edit.recipe.width or own[0], edit.recipe.height or own[1]), unit)


def _multiple(size: tuple[int, int], unit: int) -> tuple[int, int]:
    """The size in whole units, at least one."""
    width, height = (max(1, round(side / unit)) * unit for side in size)
    return width, height
