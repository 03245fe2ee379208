"""A resident CLIP model and the scorers that are its cosine: HPS v2 and PickScore differ in their `Manner` alone.

The model stays loaded; a text is encoded once, by itself and unpadded, so that its features do not depend on what else
is scored, and remembered.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from limner.errors import WeightsError
from limner.scoring.batches import readable, score_in_batches
from limner.scoring.pixels import Prepare
from limner.types import Failure, Picture, Query, Score, Terms

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image
    from torch import Tensor

BATCH = 16
_REMEMBERED = 4096


class Manner(NamedTuple):
    """How a scorer uses its CLIP model.

    `prepare` makes pixels of pictures, `clean` tidies a text before it is cut into tokens, and the score is the cosine
    times `scale`, or times the model's own logit scale where that is None.
    """

    name: str
    prepare: Prepare
    scale: float | None = None
    clean: Callable[[str], str] = str


class EncodedText(NamedTuple):
    """Unit features (D), float32, and how many tokens at the end of the text found no room in the window."""

    features: Tensor
    cut: int


class ClipScorer:
    """Scores pictures by the cosine between picture and request.

    `parts["truncated"]` is the number of the request's tokens that the model's text window (77 tokens) had no room for.
    """

    def __init__(self, manner: Manner, model: Any, tokenizer: Any, identity: str, batch: int = BATCH) -> None:
        """Take a loaded CLIPModel and its tokenizer.

        Raises:
            WeightsError: the two do not belong together.
        """
        _check_tokenizer(tokenizer, model.config.text_config, identity)
        self._manner, self._model, self._tokenizer = manner, model, tokenizer
        self._identity, self._batch = identity, batch
        self._scale = manner.scale if manner.scale is not None else float(model.logit_scale.float().exp())
        self._text = functools.lru_cache(maxsize=_REMEMBERED)(self._encode_text)

    @property
    def identity(self) -> str:
        """`SCHEME:NAME@hash/dtype`."""
        return self._identity

    @property
    def terms(self) -> Terms:
        """Local and free."""
        return Terms(batch=self._batch)

    def score(self, pairs: Sequence[tuple[Query, Picture]]) -> list[Score | Failure]:
        """Score each picture; one whose bytes are no picture is a `Failure`, a score that is not finite is None."""
        return score_in_batches(pairs, self._batch, self._judge)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        device: torch.device = self._model.device
        return device

    def forget(self) -> None:
        """Forget the requests encoded so far."""
        self._text.cache_clear()

    def encode(self, text: str) -> EncodedText:
        """A request's features, encoded when they are first asked for."""
        return self._text(text)

    def _judge(self, pairs: Sequence[tuple[Query, Image]]) -> list[Score]:
        pictures = self._encode_images([image for _, image in pairs])
        texts = [self.encode(query.text) for query, _ in pairs]
        return [self._compare(text, picture) for text, picture in zip(texts, pictures, strict=True)]

    def _compare(self, text: EncodedText, picture: Tensor) -> Score:
        value = self._scale * float(text.features @ picture)
        return Score(self._manner.name, readable(value), {"truncated": float(text.cut)})

    def _encode_images(self, images: Sequence[Image]) -> Tensor:
        """Unit features (N, D), float32."""
        import torch

        pixels = self._manner.prepare(images, self._model.config.vision_config.image_size)
        with torch.inference_mode():
            features = self._model.get_image_features(
                pixel_values=pixels.to(self._model.device, self._model.dtype)
            ).pooler_output
        return torch.nn.functional.normalize(features.float(), dim=-1).cpu()

    def _encode_text(self, text: str) -> EncodedText:
        """A request by itself, cut to the model's window as CLIP is: the end is lost."""
        import torch

        window = self._model.config.text_config.max_position_embeddings
        text = self._manner.clean(text)
        whole = len(self._tokenizer(text, verbose=False)["input_ids"])
        tokens = self._tokenizer(text, truncation=True, max_length=window, return_tensors="pt")
        with torch.inference_mode():
            ids = tokens["input_ids"].to(self._model.device)
            features = self._model.get_text_features(input_ids=ids).pooler_output
        return EncodedText(torch.nn.functional.normalize(features[0].float(), dim=-1).cpu(), max(0, whole - window))


def _check_tokenizer(tokenizer: Any, config: Any, identity: str) -> None:
    """CLIP pools at the end-of-text token: with another vocabulary it would answer, wrongly and in silence."""
    # Old configurations say 2 whatever the vocabulary; CLIPModel then pools at the largest id.
    end = config.vocab_size - 1 if config.eos_token_id == 2 else config.eos_token_id
    if len(tokenizer) > config.vocab_size or tokenizer.eos_token_id != end:
        raise WeightsError(
            f"the tokenizer of {identity} does not belong to its model: {len(tokenizer)} tokens with end-of-text "
            f"{tokenizer.eos_token_id}, where the model has {config.vocab_size} with end-of-text {end}"
        )
