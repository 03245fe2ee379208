"""Tiny random vision models of the real architectures, saved as real ones are: for tests of the code that loads them.

Their answers mean nothing, but change with every picture and question.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

WORDS = "is there a red blue circle square ? . answer yes no or the picture drawn well"
SIZE: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}
_SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>"]


def build_qwen(folder: Path, *, version: str = "2") -> Path:
    """Save a random Qwen2-VL, or with version "2.5" a random Qwen2.5-VL; pictures take up to 16 tokens."""
    import torch
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    words = [*_SPECIAL, "<|video_pad|>", "<unk>", "system", "user", "assistant", *dict.fromkeys(WORDS.split())]
    _word_tokenizer(words).save_pretrained(folder)
    torch.manual_seed(2)
    (_qwen2 if version == "2" else _qwen2_5)(words).save_pretrained(folder)
    Qwen2VLImageProcessorPil(min_pixels=56 * 56, max_pixels=112 * 112).save_pretrained(folder)
    return folder


def _word_tokenizer(words: Sequence[str]) -> Any:
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="<unk>"))
    core.normalizer = normalizers.Lowercase()
    core.pre_tokenizer = pre_tokenizers.Split(Regex(r"\w+|[^\w\s]"), behavior="removed", invert=True)
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="<|endoftext|>",
        eos_token="<|im_end|>",
        unk_token="<unk>",
        additional_special_tokens=_SPECIAL[1:],
    )


def _qwen_options(words: Sequence[str]) -> dict[str, Any]:
    text = SIZE | {
        "vocab_size": len(words),
        "num_key_value_heads": 2,
        "initializer_range": 0.3,
        "max_position_embeddings": 4096,
        "bos_token_id": None,
        "eos_token_id": words.index("<|im_end|>"),
        "rope_parameters": {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10000.0},
    }
    names = {"image": "image_pad", "video": "video_pad", "vision_start": "vision_start", "vision_end": "vision_end"}
    return {"text_config": text, **{f"{name}_token_id": words.index(f"<|{token}|>") for name, token in names.items()}}


def _qwen2(words: Sequence[str]) -> Any:
    from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration

    vision = {"depth": 2, "embed_dim": 16, "hidden_size": 32, "num_heads": 2, "mlp_ratio": 2, "patch_size": 14}
    return Qwen2VLForConditionalGeneration(Qwen2VLConfig(vision_config=vision, **_qwen_options(words)))


def _qwen2_5(words: Sequence[str]) -> Any:
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    vision = {
        "depth": 2,
        "hidden_size": 16,
        "out_hidden_size": 32,
        "num_heads": 2,
        "intermediate_size": 32,
        "patch_size": 14,
        "window_size": 56,
        "fullatt_block_indexes": [1],
    }
    return Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(vision_config=vision, **_qwen_options(words)))


def build_vilt(folder: Path, *, labels: Sequence[str] = ("yes", "no", "two", "red")) -> Path:
    """Save a random ViLT that answers with these labels."""
    import torch
    from transformers import ViltConfig, ViltForQuestionAnswering, ViltProcessor
    from transformers.models.vilt.image_processing_pil_vilt import ViltImageProcessorPil

    tokenizer, words = _bert()
    torch.manual_seed(3)
    config = ViltConfig(
        **SIZE,
        vocab_size=len(words),
        image_size=48,
        patch_size=16,
        initializer_range=0.4,
        id2label=dict(enumerate(labels)),
        label2id={label: place for place, label in enumerate(labels)},
    )
    ViltForQuestionAnswering(config).save_pretrained(folder)
    images = ViltImageProcessorPil(size={"shortest_edge": 48}, size_divisor=16)
    ViltProcessor(images, tokenizer).save_pretrained(folder)
    return folder


def build_blip(folder: Path) -> Path:
    """Save a random BLIP for question answering."""
    import torch
    from transformers import BlipConfig, BlipForQuestionAnswering, BlipProcessor
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    tokenizer, words = _bert()
    torch.manual_seed(4)
    text = SIZE | {
        "vocab_size": len(words),
        "encoder_hidden_size": 32,
        "max_position_embeddings": 40,
        "initializer_range": 0.4,
        "bos_token_id": words.index("[DEC]"),
        "sep_token_id": words.index("[SEP]"),
        "eos_token_id": words.index("[SEP]"),
        "pad_token_id": 0,
    }
    vision = SIZE | {"image_size": 48, "patch_size": 16, "initializer_range": 0.4}
    BlipForQuestionAnswering(BlipConfig(text_config=text, vision_config=vision)).save_pretrained(folder)
    BlipProcessor(BlipImageProcessorPil(size={"height": 48, "width": 48}), tokenizer).save_pretrained(folder)
    return folder


def _bert() -> tuple[Any, list[str]]:
    from transformers import BertTokenizer

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", *dict.fromkeys(WORDS.split())]
    tokenizer = BertTokenizer(vocab={word: index for index, word in enumerate(words)})
    tokenizer.model_max_length = 40
    return tokenizer, words
