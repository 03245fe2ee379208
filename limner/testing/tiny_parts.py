"""Parts of the tiny pipelines: tokenizers, text encoders, autoencoder, U-Net and schedulers of the real classes."""

from __future__ import annotations

import string
from typing import Any

SIDE = 16
"""Pixels of a picture's side at which each family can draw."""
WIDTH = 16
"""Width of the text encoders."""


def letters() -> list[str]:
    """What the tokenizers know: one token a letter."""
    return list(string.ascii_lowercase + " ,.")


def clip_tokenizer() -> Any:
    """One token a letter, and a letter that ends a word."""
    from transformers import CLIPTokenizer

    known = letters()
    tokens = [*known, *(f"{letter}</w>" for letter in known), "<|startoftext|>", "<|endoftext|>"]
    vocab = {token: place for place, token in enumerate(tokens)}
    return CLIPTokenizer(vocab=vocab, merges=[], model_max_length=77)


def clip(*, projected: bool = False, width: int = WIDTH) -> Any:
    """CLIP's text encoder."""
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    count = 2 * len(letters()) + 2
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


def t5_tokenizer() -> Any:
    """One token a letter."""
    from transformers import T5Tokenizer

    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581", -2.0), *((one, -3.0) for one in letters())]
    return T5Tokenizer(vocab=pieces, extra_ids=0, model_max_length=256)


def t5(width: int = WIDTH) -> Any:
    """T5's encoder."""
    from transformers import T5Config, T5EncoderModel

    return T5EncoderModel(T5Config(vocab_size=48, d_model=width, d_kv=8, d_ff=32, num_layers=1, num_heads=2))


def gemma_tokenizer() -> Any:
    """One token a letter."""
    from transformers import GemmaTokenizer

    tokens = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "\u2581", *letters()]
    tokenizer = GemmaTokenizer(vocab={token: place for place, token in enumerate(tokens)}, merges=[])
    tokenizer.model_max_length = 400
    return tokenizer


def qwen_tokenizer() -> Any:
    """One token a byte, and the marks of pictures."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import Qwen2Tokenizer

    special = ["<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>"]
    tokens = [*sorted(ByteLevel.alphabet()), "<|endoftext|>", *special]
    return Qwen2Tokenizer(
        vocab={token: place for place, token in enumerate(tokens)},
        merges=[],
        additional_special_tokens=special,
        model_max_length=4096,
    )


def vae(channels: int = 4, *, stages: int = 2) -> Any:
    """A Stable Diffusion autoencoder; each stage but the first halves the sides."""
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


def unet(channels: int = 4, **more: Any) -> Any:
    """A Stable Diffusion U-Net."""
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


def ddim() -> Any:
    """The scheduler of Stable Diffusion's folders."""
    from diffusers import DDIMScheduler

    return DDIMScheduler(steps_offset=1, clip_sample=False, beta_schedule="scaled_linear")


def flow() -> Any:
    """The scheduler of SD 3, FLUX and Qwen-Image."""
    from diffusers import FlowMatchEulerDiscreteScheduler

    return FlowMatchEulerDiscreteScheduler(shift=3.0)
