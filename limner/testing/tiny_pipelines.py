"""Pipelines of the real architectures with tiny random weights, saved as folders that the real code loads.

Weights of image models cannot be fetched everywhere; their shapes can be built anywhere, in a second. `FAMILIES` names
the families; the pictures are noise.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from limner.testing.tiny_parts import (
    SIDE,
    WIDTH,
    clip,
    clip_tokenizer,
    ddim,
    flow,
    gemma_tokenizer,
    qwen_tokenizer,
    t5,
    t5_tokenizer,
    unet,
    vae,
)


def save_tiny(family: str, folder: Path, *, seed: int = 0) -> Path:
    """Build a family's pipeline from `seed` and save it, with a `limner.json` of few steps and small pictures.

    Raises:
        KeyError: there is no such family.
    """
    import torch

    from limner.quiet import quiet

    with quiet(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pipe, steps = FAMILIES[family]()
        pipe.save_pretrained(folder)
        if family.startswith("qwen-image-edit"):
            _add_processor(folder)
    side = 32 if family == "sana" else SIDE
    (folder / "limner.json").write_text(f'{{"steps": {steps}, "guidance": 3.0, "width": {side}, "height": {side}}}')
    return folder


def _sd() -> tuple[Any, int]:
    from diffusers import StableDiffusionPipeline

    parts = vae(), clip(), clip_tokenizer(), unet(), ddim()
    return StableDiffusionPipeline(*parts, None, None, requires_safety_checker=False), 3


def _sd_pix2pix() -> tuple[Any, int]:
    from diffusers import StableDiffusionInstructPix2PixPipeline

    parts = vae(), clip(), clip_tokenizer(), unet(8), ddim()
    return StableDiffusionInstructPix2PixPipeline(*parts, None, None, requires_safety_checker=False), 3


def _sd_inpaint() -> tuple[Any, int]:
    from diffusers import StableDiffusionInpaintPipeline

    parts = vae(), clip(), clip_tokenizer(), unet(9), ddim()
    return StableDiffusionInpaintPipeline(*parts, None, None, requires_safety_checker=False), 3


def _sdxl() -> tuple[Any, int]:
    from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline

    network = unet(
        cross_attention_dim=2 * WIDTH,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=6 * 8 + WIDTH,
        transformer_layers_per_block=(1, 2),
        use_linear_projection=True,
    )
    clips = clip(), clip(projected=True), clip_tokenizer(), clip_tokenizer()
    scheduler = EulerDiscreteScheduler(beta_schedule="scaled_linear", steps_offset=1, timestep_spacing="leading")
    return StableDiffusionXLPipeline(vae(), *clips, network, scheduler), 3


def _sd3() -> tuple[Any, int]:
    from diffusers import SD3Transformer2DModel, StableDiffusion3Pipeline

    transformer = SD3Transformer2DModel(
        sample_size=SIDE // 2,
        patch_size=1,
        in_channels=16,
        num_layers=1,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=2 * WIDTH,
        caption_projection_dim=WIDTH,
        pooled_projection_dim=2 * WIDTH,
        out_channels=16,
    )
    clips = clip(projected=True), clip_tokenizer(), clip(projected=True), clip_tokenizer()
    return StableDiffusion3Pipeline(transformer, flow(), vae(16), *clips, t5(2 * WIDTH), t5_tokenizer()), 3


def _flux_parts(channels: int = 4, *, guided: bool = True) -> tuple[Any, ...]:
    from diffusers import FluxTransformer2DModel

    transformer = FluxTransformer2DModel(
        patch_size=1,
        in_channels=4 * channels,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=WIDTH,
        pooled_projection_dim=WIDTH,
        axes_dims_rope=(4, 4, 8),
        guidance_embeds=guided,
    )
    return flow(), vae(channels), clip(), clip_tokenizer(), t5(), t5_tokenizer(), transformer


def _flux() -> tuple[Any, int]:
    from diffusers import FluxPipeline

    return FluxPipeline(*_flux_parts()), 2


def _kontext() -> tuple[Any, int]:
    from diffusers import FluxKontextPipeline

    return FluxKontextPipeline(*_flux_parts()), 2


def _pixart() -> tuple[Any, int]:
    from diffusers import DPMSolverMultistepScheduler, PixArtSigmaPipeline, PixArtTransformer2DModel

    transformer = PixArtTransformer2DModel(
        sample_size=32,
        patch_size=2,
        in_channels=4,
        out_channels=8,
        num_layers=1,
        attention_head_dim=8,
        num_attention_heads=2,
        caption_channels=WIDTH,
        cross_attention_dim=16,
        use_additional_conditions=False,
    )
    return PixArtSigmaPipeline(t5_tokenizer(), t5(), vae(stages=4), transformer, DPMSolverMultistepScheduler()), 3


def _sana() -> tuple[Any, int]:
    from diffusers import AutoencoderDC, DPMSolverMultistepScheduler, SanaPipeline, SanaTransformer2DModel
    from transformers import Gemma2Config, Gemma2Model

    gemma = Gemma2Model(
        Gemma2Config(
            vocab_size=48,
            hidden_size=WIDTH,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=2,
            head_dim=8,
        )
    )
    vae = AutoencoderDC(
        latent_channels=4,
        encoder_block_types=("ResBlock",) * 6,
        decoder_block_types=("ResBlock",) * 6,
        encoder_block_out_channels=(8,) * 6,
        decoder_block_out_channels=(8,) * 6,
        attention_head_dim=2,
        encoder_layers_per_block=(1,) * 6,
        decoder_layers_per_block=(1,) * 6,
        encoder_qkv_multiscales=((),) * 6,
        decoder_qkv_multiscales=((),) * 6,
        downsample_block_type="conv",
        upsample_block_type="interpolate",
        decoder_norm_types="rms_norm",
        decoder_act_fns="silu",
    )
    transformer = SanaTransformer2DModel(
        in_channels=4,
        out_channels=4,
        num_layers=1,
        num_attention_heads=2,
        attention_head_dim=4,
        num_cross_attention_heads=2,
        cross_attention_head_dim=4,
        cross_attention_dim=8,
        caption_channels=WIDTH,
        sample_size=16,
        patch_size=1,
    )
    scheduler = DPMSolverMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0)
    return SanaPipeline(gemma_tokenizer(), gemma, vae, transformer, scheduler), 3


def _qwen_parts() -> tuple[Any, ...]:
    from diffusers import AutoencoderKLQwenImage, QwenImageTransformer2DModel
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    vae = AutoencoderKLQwenImage(
        base_dim=8,
        z_dim=4,
        dim_mult=[1, 1],
        num_res_blocks=1,
        temperal_downsample=[False],
        latents_mean=[0.0] * 4,
        latents_std=[1.0] * 4,
    )
    tokenizer = qwen_tokenizer()
    config = Qwen2_5_VLConfig(
        text_config={
            "hidden_size": WIDTH,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e6},
            "vocab_size": 300,
        },
        vision_config={
            "depth": 1,
            "hidden_size": WIDTH,
            "intermediate_size": 16,
            "num_heads": 2,
            "out_hidden_size": WIDTH,
            "fullatt_block_indexes": [0],
        },
        vocab_size=300,
        vision_start_token_id=tokenizer.convert_tokens_to_ids("<|vision_start|>"),
        vision_end_token_id=tokenizer.convert_tokens_to_ids("<|vision_end|>"),
        image_token_id=tokenizer.convert_tokens_to_ids("<|image_pad|>"),
        video_token_id=299,
    )
    transformer = QwenImageTransformer2DModel(
        patch_size=2,
        in_channels=16,
        out_channels=4,
        num_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=WIDTH,
        axes_dims_rope=(4, 4, 8),
    )
    return flow(), vae, Qwen2_5_VLForConditionalGeneration(config), tokenizer, transformer


def _qwen() -> tuple[Any, int]:
    from diffusers import QwenImagePipeline

    return QwenImagePipeline(*_qwen_parts()), 2


def _qwen_edit() -> tuple[Any, int]:
    from diffusers import QwenImageEditPipeline

    *parts, transformer = _qwen_parts()
    return QwenImageEditPipeline(*parts, None, transformer), 2


def _qwen_edit_plus() -> tuple[Any, int]:
    from diffusers import QwenImageEditPlusPipeline

    *parts, transformer = _qwen_parts()
    return QwenImageEditPlusPipeline(*parts, None, transformer), 2


def _add_processor(folder: Path) -> None:
    """The processor as published folders have it; without torchvision it cannot be built."""
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    qwen_tokenizer().save_pretrained(folder / "processor")
    Qwen2VLImageProcessorPil(min_pixels=56 * 56, max_pixels=56 * 56).save_pretrained(folder / "processor")
    index = json.loads((folder / "model_index.json").read_text())
    index["processor"] = ["transformers", "Qwen2VLProcessor"]
    (folder / "model_index.json").write_text(json.dumps(index))


FAMILIES: dict[str, Callable[[], tuple[Any, int]]] = {
    "sd": _sd,
    "sdxl": _sdxl,
    "sd3": _sd3,
    "flux": _flux,
    "pixart": _pixart,
    "sana": _sana,
    "qwen-image": _qwen,
    "sd-inpaint": _sd_inpaint,
    "instruct-pix2pix": _sd_pix2pix,
    "flux-kontext": _kontext,
    "qwen-image-edit": _qwen_edit,
    "qwen-image-edit-plus": _qwen_edit_plus,
}
"""Family to a builder of its pipeline and the number of steps that its folder states."""
