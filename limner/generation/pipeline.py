"""One loaded diffusers pipeline: calls in, arrays out.

The only file that touches diffusers objects while drawing; what differs between pipeline families (which arguments they
take, how many tokenizers they have) is read from the pipeline itself.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from limner.errors import WeightsError
from limner.generation import schedulers
from limner.generation.folder import components, stored_numbers
from limner.quiet import quiet

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

_ENDLESS = 100_000
"""Tokenizers without a limit state a huge one."""


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
    """A text-to-image pipeline in memory, complete and on its device."""

    def __init__(self, folder: Path, device: str, dtype: torch.dtype) -> None:
        """Load it.

        Raises:
            WeightsError: the folder's files do not make a text-to-image pipeline.
        """
        self._pipe = _load(folder, device, dtype)
        self._arguments = inspect.signature(self._pipe.__call__).parameters
        self._schedulers = {type(self._pipe.scheduler).__name__: self._pipe.scheduler}
        self.scheduler = type(self._pipe.scheduler).__name__
        self.steps: int = self._default("num_inference_steps") or 1
        self.guidance: float | None = self._default("guidance_scale")

    def draw(self, plan: Plan, prompts: Sequence[tuple[str, str]], seeds: Sequence[int]) -> Drawn:
        """Draw (text, negative) pairs, each from its own CPU noise, so that a seed means the same on every device."""
        import torch

        wanted = {
            "prompt": [text for text, _ in prompts],
            "negative_prompt": [negative for _, negative in prompts] if plan.negative else None,
            "num_inference_steps": plan.steps,
            "guidance_scale": plan.guidance,
            "width": plan.width,
            "height": plan.height,
            "generator": [torch.Generator("cpu").manual_seed(seed) for seed in seeds],
            "output_type": "np",
        }
        self._pipe.scheduler = self._scheduler(plan.scheduler)
        output = self._pipe(
            **{name: value for name, value in wanted.items() if value is not None and name in self._arguments}
        )
        flags = getattr(output, "nsfw_content_detected", None)
        return Drawn(output.images, flags or [False] * len(prompts))

    @property
    def token_limit(self) -> int | None:
        """How many tokens of a prompt, marks included, the most patient text encoder reads; None: no limit."""
        return _limit(self._patient, self._longest)

    def count_tokens(self, text: str) -> int:
        """Tokens of a prompt, start and end marks included, as that text encoder's tokenizer counts."""
        return len(self._patient(text, verbose=False).input_ids)

    @property
    def _patient(self) -> Any:
        tokenizers = [self._pipe.components.get(name) for name in ("tokenizer", "tokenizer_2", "tokenizer_3")]
        return max(filter(None, tokenizers), key=lambda tokenizer: _limit(tokenizer, self._longest) or _ENDLESS)

    @property
    def _longest(self) -> int | None:
        longest: int | None = self._default("max_sequence_length")
        return longest

    def _default(self, argument: str) -> Any:
        parameter = self._arguments.get(argument)
        return None if parameter is None or parameter.default is inspect.Parameter.empty else parameter.default

    def _scheduler(self, name: str) -> Any:
        if name not in self._schedulers:
            self._schedulers[name] = schedulers.build(name, self._schedulers[self.scheduler])
        return self._schedulers[name]


def _load(folder: Path, device: str, dtype: torch.dtype) -> Any:
    with quiet():
        from diffusers import AutoPipelineForText2Image

        try:
            pipe = AutoPipelineForText2Image.from_pretrained(str(folder), dtype=dtype, local_files_only=True)
        except (OSError, ValueError, RuntimeError, KeyError, AttributeError, TypeError) as error:
            raise WeightsError(
                f"{folder} does not load as a text-to-image pipeline: {error}. Fetch the whole folder again, or name "
                "another model."
            ) from error
    for part in components(folder):
        _check_loaded(folder / part, getattr(pipe, part))
    pipe.set_progress_bar_config(disable=True)
    return pipe.to(device)


def _check_loaded(part: Path, module: Any) -> None:
    """Find what the libraries fill in silently: weights that the files lack, a tokenizer without words."""
    import torch

    if isinstance(module, torch.nn.Module):
        stored = stored_numbers(part)
        needed = sum(parameter.numel() for parameter in module.parameters())
        if stored is not None and stored < needed:
            raise WeightsError(
                f"The weights in {part} hold {stored} numbers, but its config.json asks for {needed}. Fetch the whole "
                "folder again."
            )
    elif "tokenizer" in part.name and len(module) <= len(module.all_special_tokens):
        raise WeightsError(f"The tokenizer in {part} has no words. Fetch the whole folder again.")


def _limit(tokenizer: Any, longest: int | None) -> int | None:
    limits = [limit for limit in (tokenizer.model_max_length, longest) if limit is not None and limit < _ENDLESS]
    return min(limits, default=None)
