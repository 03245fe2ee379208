"""Taking paths out of a batch while a pipeline draws it.

All that holds one row per path must shrink together: the pipeline's own tensors, what the scheduler remembers of
earlier steps (DPM++ 2M, UniPC), and the noise generators, one per path (Euler a, LCM).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_TENSORS = {
    "StableDiffusionPipeline": ("latents", "prompt_embeds"),
    "StableDiffusionXLPipeline": ("latents", "prompt_embeds", "add_text_embeds", "add_time_ids"),
    "StableDiffusion3Pipeline": ("latents", "prompt_embeds", "pooled_prompt_embeds"),
}
"""Pipelines whose step callback may replace every tensor that has a row per path, and those tensors."""


def tensors_of(pipe: Any) -> tuple[str, ...]:
    """The tensors that a step callback of this pipeline must shrink; empty if it cannot shrink at all.

    FLUX, Qwen-Image, Sana and PixArt fix shapes, masks or guidance outside of the callback's reach; so does a U-Net
    that is told its guidance.
    """
    unet = getattr(pipe, "unet", None)
    told_guidance = unet is not None and getattr(unet.config, "time_cond_proj_dim", None) is not None
    return () if told_guidance else _TENSORS.get(type(pipe).__name__, ())


def shrink(tensors: dict[str, torch.Tensor], scheduler: Any, noise: list[Any], keep: Sequence[int]) -> None:
    """Keep only these rows, in place: of the tensors, of what the scheduler remembers, and of the generators."""
    count, shape = len(noise), tensors["latents"].shape
    for name, tensor in tensors.items():
        tensors[name] = _rows(tensor, keep, count)
    for name, value in vars(scheduler).items():
        if _is_state(value, shape):
            setattr(scheduler, name, _rows(value, keep, count))
        elif isinstance(value, list):
            value[:] = [_rows(one, keep, count) if _is_state(one, shape) else one for one in value]
    noise[:] = [noise[row] for row in keep]


def _rows(tensor: torch.Tensor, keep: Sequence[int], count: int) -> torch.Tensor:
    """These rows of each block of `count`: with guidance a tensor has two blocks, negative and positive."""
    blocks = tensor.shape[0] // count
    return tensor[[row + count * block for block in range(blocks) for row in keep]]


def _is_state(value: Any, shape: Sequence[int]) -> bool:
    import torch

    return isinstance(value, torch.Tensor) and value.shape == shape
