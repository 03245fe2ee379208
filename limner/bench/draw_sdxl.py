"""Batch scaling and memory of an SDXL-sized pipeline at 1024 pixels on a GPU, with random weights.

The U-Net and the autoencoder have SDXL's published configuration, so time and memory are SDXL's; the text encoders are
small ones whose outputs are given as embeddings of the right shape.
"""

from __future__ import annotations

import time
from typing import Any

from limner.errors import UsageError

BATCHES = (1, 2, 4, 8, 16)
STEPS, SIDE = 20, 1024


def scaling() -> list[dict[str, Any]]:
    """Pictures per second and peak memory at each batch size; the list ends where memory does.

    Raises:
        UsageError: there is no GPU.
    """
    import torch

    if not torch.cuda.is_available():
        raise UsageError("--sdxl measures an SDXL-sized pipeline and needs a CUDA GPU. Leave it out here.")
    pipe, rows = _pipeline(), []
    for batch in BATCHES:
        try:
            _draw(pipe, batch, steps=2)
            torch.cuda.reset_peak_memory_stats()
            began = time.perf_counter()
            _draw(pipe, batch, steps=STEPS)
            seconds = time.perf_counter() - began
        except torch.OutOfMemoryError:
            break
        gib = torch.cuda.max_memory_allocated() / 2**30
        rows.append({"batch": batch, "pictures_per_second": batch / seconds, "peak_gib": gib, "steps": STEPS})
    return rows


def _pipeline() -> Any:
    import torch
    from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel

    with torch.device("cuda"):
        unet = UNet2DConditionModel(
            sample_size=128,
            block_out_channels=(320, 640, 1280),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            transformer_layers_per_block=(1, 2, 10),
            attention_head_dim=(5, 10, 20),
            cross_attention_dim=2048,
            addition_embed_type="text_time",
            addition_time_embed_dim=256,
            projection_class_embeddings_input_dim=2816,
            use_linear_projection=True,
        ).to(torch.bfloat16)
        vae = AutoencoderKL(
            block_out_channels=(128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=2,
            latent_channels=4,
            scaling_factor=0.13025,
            force_upcast=False,
        ).to(torch.bfloat16)
    scheduler = EulerDiscreteScheduler(beta_schedule="scaled_linear", steps_offset=1, timestep_spacing="leading")
    pipe = StableDiffusionXLPipeline(vae, None, None, None, None, unet, scheduler, add_watermarker=False)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def _draw(pipe: Any, batch: int, *, steps: int) -> None:
    import torch

    words = torch.zeros(batch, 77, 2048, dtype=torch.bfloat16, device="cuda")
    pooled = torch.zeros(batch, 1280, dtype=torch.bfloat16, device="cuda")
    pipe(
        prompt_embeds=words,
        negative_prompt_embeds=words,
        pooled_prompt_embeds=pooled,
        negative_pooled_prompt_embeds=pooled,
        num_inference_steps=steps,
        height=SIDE,
        width=SIDE,
    )
    torch.cuda.synchronize()
