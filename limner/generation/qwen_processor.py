"""What Qwen-Image-Edit's text encoder reads, prepared without its own processor, which needs torchvision for videos.

A picture takes as many tokens as its own size has patches, merged two by two; the pipeline writes the prompts.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from limner.errors import WeightsError

if TYPE_CHECKING:
    from PIL.Image import Image

PICTURE = "<|image_pad|>"


class QwenProcessor:
    """Stands for `Qwen2VLProcessor` where there are no videos."""

    def __init__(self, tokenizer: Any, images: Any) -> None:
        self._tokenizer, self._images = tokenizer, images

    @classmethod
    def load(cls, folder: Path) -> Self:
        """From the processor's folder of a pipeline.

        Raises:
            WeightsError: tokenizer or picture settings are missing or of another model.
        """
        from transformers import AutoTokenizer
        from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            images = Qwen2VLImageProcessorPil.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError) as error:
            raise WeightsError(f"{folder} does not load: {error}. Fetch the whole folder again.") from error
        if PICTURE not in tokenizer.get_vocab():
            raise WeightsError(f"The tokenizer in {folder} has no {PICTURE}; it belongs to another model.")
        return cls(tokenizer, images)

    def __call__(
        self,
        text: Sequence[str],
        images: Image | Sequence[Image] | None = None,
        padding: bool = True,
        return_tensors: str = "pt",
    ) -> Any:
        """Tokens of the texts and patches of the pictures, which stand in the texts in their order."""
        from transformers import BatchFeature

        pixels: dict[str, Any] = {} if images is None else dict(self._images(images, return_tensors=return_tensors))
        counts = [int(grid.prod()) // self._images.merge_size**2 for grid in pixels.get("image_grid_thw", ())]
        words = self._tokenizer(_filled(text, counts), padding=padding, return_tensors=return_tensors)
        return BatchFeature({**words, **pixels})


def _filled(texts: Sequence[str], counts: Sequence[int]) -> list[str]:
    """Texts in which each picture's token stands as often as the picture needs."""
    left = iter(counts)
    filled = []
    for text in texts:
        first, *others = text.split(PICTURE)
        filled.append(first + "".join(PICTURE * next(left) + other for other in others))
    return filled
