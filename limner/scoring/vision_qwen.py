"""What Qwen2-VL and Qwen2.5-VL read, prepared without their processor, which needs torchvision for videos.

The prompt is what their chat template makes of one picture and one question, written out; a picture takes as many
tokens as its own size has patches, merged two by two.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limner.errors import WeightsError
from limner.scoring.answering import fitting
from limner.scoring.vision_chat import SUFFIX

if TYPE_CHECKING:
    from PIL.Image import Image

PICTURE = "<|image_pad|>"
PROMPT = (
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
    "<|im_start|>user\n<|vision_start|>" + PICTURE + "<|vision_end|>{asked}<|im_end|>\n<|im_start|>assistant\n"
)
LEAST_SIDE = 28
"""Pixels; the picture processor refuses smaller pictures."""
WIDEST = 190
"""The longest side over the shortest, at most; the picture processor refuses 200."""


class QwenReader:
    """Reads pictures and questions as the Qwen-VL families do."""

    def __init__(self, tokenizer: Any, images: Any, folder: Path) -> None:
        """Take tokenizer and picture processor.

        Raises:
            WeightsError: the tokenizer knows no picture token.
        """
        self.tokenizer, self._images = tokenizer, images
        if PICTURE not in tokenizer.get_vocab():
            raise WeightsError(f"the tokenizer in {folder} has no {PICTURE}; it does not belong to a Qwen-VL model")
        self.image_token_id: int = tokenizer.convert_tokens_to_ids(PICTURE)
        tokenizer.padding_side = "left"
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token

    def prompt(self, question: str) -> str:
        """One picture, one question."""
        return PROMPT.format(asked=question + SUFFIX)

    def inputs(self, images: Sequence[Image], prompts: Sequence[str]) -> Any:
        """Pixels of all pictures' patches, and prompts in which each picture's token stands as often as it needs."""
        from transformers import BatchFeature

        pixels = self._images(
            images=[fitting(image, least=LEAST_SIDE, widest=WIDEST) for image in images], return_tensors="pt"
        )
        counts = [int(grid.prod()) // self._images.merge_size**2 for grid in pixels["image_grid_thw"]]
        texts = [prompt.replace(PICTURE, PICTURE * count, 1) for prompt, count in zip(prompts, counts, strict=True)]
        words = self.tokenizer(texts, padding=True, return_tensors="pt")
        kinds = (words["input_ids"] == self.image_token_id).int()
        return BatchFeature(
            {
                "input_ids": words["input_ids"],
                "attention_mask": words["attention_mask"],
                "mm_token_type_ids": kinds,
                "pixel_values": pixels["pixel_values"],
                "image_grid_thw": pixels["image_grid_thw"],
            }
        )

    def tokens(self, image: Image) -> int:
        """By the picture's size."""
        seen = fitting(image, least=LEAST_SIDE, widest=WIDEST)
        patches = self._images.get_number_of_image_patches(seen.height, seen.width, {})
        return int(patches) // int(self._images.merge_size) ** 2
