"""Pipelines of the real architectures with tiny random weights, saved as folders that the real code loads.

Weights of image models cannot be fetched everywhere; their shapes can be built anywhere, in a second. `FAMILIES` names
the families; the pictures are noise.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

SIDE = 16
"""Pixels of a picture's side at which each family can draw."""
WIDTH = 16
"""Width of the text encoders."""


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
    side = 32 if family == "sana" else SIDE
    (folder / "limner.json").write_text(f'{{"steps": {steps}, "guidance": 3.0, "width": {side}, "height": {side}}}')
    return folder


def _letters() -> list[str]:
    return list(string.ascii_lowercase + " ,.")


def _clip_tokenizer() -> Any:
    from transformers import CLIPTokenizer

    letters = _letters()
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    vocab = {token: place for place, token in enumerate(tokens)}
    return CLIPTokenizer(vocab=vocab, merges=[], model_max_length=77)


def _clip(*, projected: bool = False, width: int = WIDTH) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    count = 2 * len(_letters()) + 2
    config = CLIPTextConfig(
        vocab_size=count,
        hidden_size=width,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=77,
        projection_dim=width,
        bos_token_id=count - 2,
        eos_token_id=count - 1,
        pad_token_id=count - 1,
    )
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(config)


def _t5_tokenizer() -> Any:
    from transformers import T5Tokenizer

    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581", -2.0), *((one, -3.0) for one in _letters())]
    return T5Tokenizer(vocab=pieces, extra_ids=0, model_max_length=256)


def _t5(width: int = WIDTH) -> Any:
    from transformers import T5Config, T5EncoderModel

    return T5EncoderModel(T5Config(vocab_size=48, d_model=width, d_kv=8, d_ff=32, num_layers=1, num_heads=2))


def _gemma_tokenizer() -> Any:
    from transformers import GemmaTokenizer

    tokens = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "\u2581", *_letters()]
    tokenizer = GemmaTokenizer(vocab={token: place for place, token in enumerate(tokens)}, merges=[])
    tokenizer.model_max_length = 400
    return tokenizer


def _qwen_tokenizer() -> Any:
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import Qwen2Tokenizer

    tokens = [*sorted(ByteLevel.alphabet()), "<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    return Qwen2Tokenizer(
        vocab={token: place for place, token in enumerate(tokens)},
        merges=[],
        additional_special_tokens=["<|im_start|>", "<|im_end|>"],
        model_max_length=4096,
    )


def _vae(channels: int = 4, *, stages: int = 2) -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(8,) * stages,
        down_block_types=("DownEncoderBlock2D",) * stages,
        up_block_types=("UpDecoderBlock2D",) * stages,
        latent_channels=channels,
        norm_num_groups=4,
        sample_size=SIDE,
        shift_factor=0.1,
        use_quant_conv=channels == 4,
        use_post_quant_conv=channels == 4,
    )


def _unet(channels: int = 4, **more: Any) -> Any:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=SIDE // 2,
        in_channels=channels,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=(8, 16),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=2,
        norm_num_groups=4,
        **({"cross_attention_dim": WIDTH} | more),
    )


def _ddim() -> Any:
    from diffusers import DDIMScheduler

    return DDIMScheduler(steps_offset=1, clip_sample=False, beta_schedule="scaled_linear")


def _flow() -> Any:
    from diffusers import FlowMatchEulerDiscreteScheduler

    return FlowMatchEulerDiscreteScheduler(shift=3.0)


def _sd() -> tuple[Any, int]:
    from diffusers import StableDiffusionPipeline

    parts = _vae(), _clip(), _clip_tokenizer(), _unet(), _ddim()
    return StableDiffusionPipeline(*parts, None, None, requires_safety_checker=False), 3


def _sd_pix2pix() -> tuple[Any, int]:
    from diffusers import StableDiffusionInstructPix2PixPipeline

    parts = _vae(), _clip(), _clip_tokenizer(), _unet(8), _ddim()
    return StableDiffusionInstructPix2PixPipeline(*parts, None, None, requires_safety_checker=False), 3


def _sd_inpaint() -> tuple[Any, int]:
    from diffusers import StableDiffusionInpaintPipeline

    parts = _vae(), _clip(), _clip_tokenizer(), _unet(9), _ddim()
    return StableDiffusionInpaintPipeline(*parts, None, None, requires_safety_checker=False), 3


def _sdxl() -> tuple[Any, int]:
    from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline

    unet = _unet(
        cross_attention_dim=2 * WIDTH,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=6 * 8 + WIDTH,
        transformer_layers_per_block=(1, 2),
        use_linear_projection=True,
    )
    clips = _clip(), _clip(projected=True), _clip_tokenizer(), _clip_tokenizer()
    scheduler = EulerDiscreteScheduler(beta_schedule="scaled_linear", steps_offset=1, timestep_spacing="leading")
    return StableDiffusionXLPipeline(_vae(), *clips, unet, scheduler), 3


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
    clips = _clip(projected=True), _clip_tokenizer(), _clip(projected=True), _clip_tokenizer()
    return StableDiffusion3Pipeline(transformer, _flow(), _vae(16), *clips, _t5(2 * WIDTH), _t5_tokenizer()), 3


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
    return _flow(), _vae(channels), _clip(), _clip_tokenizer(), _t5(), _t5_tokenizer(), transformer


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
    return PixArtSigmaPipeline(_t5_tokenizer(), _t5(), _vae(stages=4), transformer, DPMSolverMultistepScheduler()), 3


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
    return SanaPipeline(_gemma_tokenizer(), gemma, vae, transformer, scheduler), 3


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
    return _flow(), vae, Qwen2_5_VLForConditionalGeneration(config), _qwen_tokenizer(), transformer


def _qwen() -> tuple[Any, int]:
    from diffusers import QwenImagePipeline

    return QwenImagePipeline(*_qwen_parts()), 2


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
}
"""Family to a builder of its pipeline and the number of steps that its folder states."""
