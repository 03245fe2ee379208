"""One loaded diffusers pipeline: calls in, arrays out.

The only file that calls diffusers pipelines; what differs between families (which arguments they take, what they call
guidance, how many tokenizers they have) is read from the pipeline itself.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from limner.generation import schedulers
from limner.generation.tokens import Tokens
from limner.quiet import quiet

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_log = logging.getLogger(__name__)


class Plan(NamedTuple):
    """What the pictures of one call have in common; None leaves a setting to the pipeline.

    negative: whether the prompts have a negative text. Pipelines may treat an absent one unlike an empty one, so
    pictures with and without do not share a call.
    """

    steps: int
    guidance: float | None
    width: int | None
    height: int | None
    scheduler: str
    negative: bool


class Drawn(NamedTuple):
    """Pictures as floats in [0, 1], shape (n, height, width, 3); which of them the safety checker withheld."""

    images: NDArray[np.float32]
    withheld: Sequence[bool]


class Pipeline:
    """A pipeline in memory, complete and on its device (see `loading.load`)."""

    def __init__(self, pipe: Any) -> None:
        self.pipe = pipe
        self.arguments = inspect.signature(pipe.__call__).parameters
        self.scheduler = type(pipe.scheduler).__name__
        self.tokens = Tokens(pipe.components, self._default("max_sequence_length"))
        self.steps: int = self._default("num_inference_steps") or 1
        self.guidance: float | None = self._default(self._guidance)
        self._schedulers = {self.scheduler: pipe.scheduler}
        self._told = False

    def draw(
        self,
        plan: Plan,
        prompts: Sequence[tuple[str, str]],
        seeds: Sequence[int],
        more: Mapping[str, Any] | None = None,
    ) -> Drawn:
        """Draw (text, negative) pairs, each from its own CPU noise, so that a seed means the same on every device.

        Args:
            plan: what they have in common.
            prompts: text and negative text of each.
            seeds: one for each.
            more: arguments of this pipeline that `plan` does not have, such as `image` and `strength`.
        """
        self.pipe.scheduler = self.scheduler_named(plan.scheduler)
        with quiet():
            output = self.pipe(**self.call(plan, prompts, generators(seeds)), **(more or {}))
        flags = getattr(output, "nsfw_content_detected", None)
        return Drawn(output.images, flags or [False] * len(prompts))

    def call(self, plan: Plan, prompts: Sequence[tuple[str, str]], noise: list[Any]) -> dict[str, Any]:
        """The arguments of the pipeline's call; those that it does not know, or that are left to it, are not there."""
        area = plan.width * plan.height if plan.width and plan.height else None
        wanted = {
            "prompt": [text for text, _ in prompts],
            "negative_prompt": self._negatives(plan, [negative for _, negative in prompts]),
            "num_inference_steps": plan.steps,
            self._guidance: plan.guidance,
            "width": plan.width,
            "height": plan.height,
            "max_area": area,  # FLUX Kontext scales any size to this one
            "generator": noise,
            "output_type": "np",
        }
        return {name: value for name, value in wanted.items() if value is not None and name in self.arguments}

    def scheduler_named(self, name: str) -> Any:
        """The scheduler of that name with this pipeline's noise schedule.

        Raises:
            GenerationError: it does not fit.
        """
        if name not in self._schedulers:
            self._schedulers[name] = schedulers.build(name, self._schedulers[self.scheduler])
        return self._schedulers[name]

    @property
    def _guidance(self) -> str:
        """The argument that scales guidance: Qwen-Image means by it the one that FLUX has beside its distilled one."""
        return "true_cfg_scale" if (self._default("true_cfg_scale") or 0) > 1 else "guidance_scale"

    def _negatives(self, plan: Plan, texts: list[str]) -> list[str] | None:
        if plan.negative and not self._is_negated and not self._told:
            self._told = True
            _log.warning("%s draws without negative prompts; they are left out.", type(self.pipe).__name__)
        if plan.negative:
            return texts if self._is_negated else None
        # Qwen-Image guides only if it is told away from something; its authors say a space.
        return [" "] * len(texts) if self._guidance == "true_cfg_scale" else None

    @property
    def _is_negated(self) -> bool:
        return "negative_prompt" in self.arguments and self._default("true_cfg_scale") != 1.0

    def _default(self, argument: str) -> Any:
        parameter = self.arguments.get(argument)
        return None if parameter is None or parameter.default is inspect.Parameter.empty else parameter.default


def generators(seeds: Sequence[int]) -> list[Any]:
    """One CPU generator for each seed."""
    import torch

    return [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
