"""What a running pipeline would show if it stopped now: the denoised latents that a step predicts, and their decoding.

In the notation of the papers: x_t = alpha_t x_0 + sigma_t eps. A step knows x_t and the network's output, from which
x_0 follows by the kind of prediction; samplers that keep x_t = x_0 + sigma eps (Karras et al., arXiv 2206.00364) are
scaled to alpha_t = 1 / sqrt(1 + sigma^2) first. Flow matching has x_t = (1 - sigma) x_0 + sigma eps (arXiv 2403.03206).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from limner.generation.pipeline import Plan


def denoised(scheduler: Any, output: torch.Tensor, timestep: Any, sample: torch.Tensor) -> torch.Tensor:
    """x_0 as the network's `output` at `timestep` predicts it from x_t = `sample`; to be asked before the step."""
    import torch

    if hasattr(scheduler, "sigmas") and getattr(scheduler, "step_index", None) is None:
        scheduler._init_step_index(timestep)
    kind = getattr(scheduler.config, "prediction_type", "flow_prediction")
    if kind == "flow_prediction":
        return torch.sub(sample, _sigma(scheduler, sample) * output)
    alpha, sigma, scaled = _levels(scheduler, timestep, sample)
    if kind == "epsilon":
        clean: torch.Tensor = (scaled - sigma * output) / alpha
        return clean
    if kind == "v_prediction":
        clean = alpha * scaled - sigma * output
        return clean
    return output


def decoded(pipe: Any, latents: torch.Tensor, plan: Plan) -> NDArray[np.float32]:
    """Latents as pictures in [0, 1], shape (n, height, width, 3), by the pipeline's own decoder."""
    vae, config = pipe.vae, pipe.vae.config
    if latents.ndim == 3:  # FLUX and Qwen-Image keep 2 x 2 patches as tokens
        side = getattr(pipe, "default_sample_size", 0) * pipe.vae_scale_factor
        latents = pipe._unpack_latents(latents, plan.height or side, plan.width or side, pipe.vae_scale_factor)
    numbers = next(vae.parameters()).dtype
    if hasattr(config, "z_dim"):
        mean, std = (
            latents.new_tensor(values).view(1, -1, 1, 1, 1) for values in (config.latents_mean, config.latents_std)
        )
        images = vae.decode((latents * std + mean).to(numbers), return_dict=False)[0][:, :, 0]
    else:
        latents = latents / config.scaling_factor + (getattr(config, "shift_factor", None) or 0.0)
        images = _upcast(pipe, latents, numbers)
    if hasattr(pipe.image_processor, "resize_and_crop_tensor") and plan.width and plan.height:
        # PixArt and Sana draw at the nearest size that they know
        images = pipe.image_processor.resize_and_crop_tensor(images, plan.width, plan.height)
    pixels: NDArray[np.float32] = pipe.image_processor.postprocess(images.float(), output_type="np")
    return pixels


def _upcast(pipe: Any, latents: torch.Tensor, numbers: torch.dtype) -> torch.Tensor:
    """Decode; SDXL's decoder overflows in float16 and says so."""
    import torch

    lift = numbers == torch.float16 and getattr(pipe.vae.config, "force_upcast", False)
    if lift:
        pipe.vae.to(torch.float32)
    try:
        images: torch.Tensor = pipe.vae.decode(latents.to(pipe.vae.dtype), return_dict=False)[0]
    finally:
        if lift:
            pipe.vae.to(numbers)
    return images


def _sigma(scheduler: Any, sample: torch.Tensor) -> torch.Tensor:
    sigma: torch.Tensor = scheduler.sigmas[scheduler.step_index]
    return sigma.to(sample.device, sample.dtype)


def _levels(scheduler: Any, timestep: Any, sample: torch.Tensor) -> tuple[Any, Any, torch.Tensor]:
    """alpha_t, sigma_t, and x_t on their scale."""
    if hasattr(scheduler, "_sigma_to_alpha_sigma_t"):
        alpha, sigma = scheduler._sigma_to_alpha_sigma_t(_sigma(scheduler, sample))
        return alpha, sigma, sample
    if hasattr(scheduler, "sigmas"):
        level = _sigma(scheduler, sample)
        alpha = 1 / (1 + level**2) ** 0.5
        return alpha, level * alpha, sample * alpha
    share = scheduler.alphas_cumprod[int(timestep)].to(sample.device, sample.dtype)
    return share**0.5, (1 - share) ** 0.5, sample
