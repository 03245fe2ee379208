"""A local vision-language model that answers yes or no: P(yes) is the softmax over its first answer token.

Any image-text-to-text model of transformers whose processor works without torchvision. Every single-token spelling of
yes and of no counts (`Yes`, ` yes`, `YES`): which one a model prefers depends on its template. A model that would
rather say something else is not answering, and that is an unreadable answer, not a probability.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from limner.errors import WeightsError
from limner.scoring.loading import find_folder, fingerprint, load_model, pick_device, pick_dtype, quietly
from limner.types import Answer, Picture, Question, Terms

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

SUFFIX = " Answer yes or no."
LEAST_MASS = 0.05
"""Probability that yes and no must have together for an answer to be read."""
ANSWER_ONLY = 2048
"""A vocabulary smaller than this belongs to a model made for answering, whose other tokens' logits mean nothing."""
BATCH = 32
_WORD_START = re.compile(r"^[\s▁Ġ]+|</w>$")


class TransformersVision:
    """Answers yes/no questions with an image-text-to-text model."""

    def __init__(self, model: Any, processor: Any, identity: str, batch: int = BATCH) -> None:
        """Take a loaded model and its processor; the tokenizer is set to pad on the left, where answers are not."""
        self._model, self._processor, self._identity, self._batch = model, processor, identity, batch
        processor.tokenizer.padding_side = "left"
        if processor.tokenizer.pad_token is None:
            processor.tokenizer.pad_token = processor.tokenizer.eos_token
        vocabulary: Mapping[str, int] = processor.tokenizer.get_vocab()
        self._yes, self._no = _spellings(vocabulary, "yes", identity), _spellings(vocabulary, "no", identity)
        self._least_mass = LEAST_MASS if len(vocabulary) >= ANSWER_ONLY else 0.0

    @property
    def identity(self) -> str:
        """`transformers:NAME@hash/dtype`."""
        return self._identity

    @property
    def terms(self) -> Terms:
        """Local and free; the same question always gets the same answer."""
        return Terms(batch=self._batch)

    def answer(self, asks: Sequence[tuple[Picture, Question]]) -> list[Answer]:
        """P(yes) for each; None for a picture that cannot be decoded and for a reply that is neither yes nor no."""
        answers: list[Answer] = []
        for start in range(0, len(asks), self._batch):
            answers += self._answer_batch(asks[start : start + self._batch])
        return answers

    def _answer_batch(self, asks: Sequence[tuple[Picture, Question]]) -> list[Answer]:
        images = _decode({picture.sha256: picture for picture, _ in asks})
        readable = [
            (image, question.text) for picture, question in asks if (image := images[picture.sha256]) is not None
        ]
        told = iter(self._ask(readable) if readable else ())
        lost = Answer(None, "the picture cannot be decoded")
        return [lost if images[picture.sha256] is None else next(told) for picture, _ in asks]

    def _ask(self, asks: Sequence[tuple[Image, str]]) -> list[Answer]:
        import torch

        inputs = self._processor(
            images=[image for image, _ in asks],
            text=[self._prompt(question) for _, question in asks],
            padding=True,
            return_tensors="pt",
        ).to(self._model.device, self._model.dtype)
        with torch.inference_mode():
            logits = self._model(**inputs, logits_to_keep=1, use_cache=False).logits[:, -1]
        return [self._read(row) for row in logits.float().log_softmax(-1).cpu()]

    def _prompt(self, question: str) -> str:
        """In the model's own chat template; without one, the picture's place and the question in plain text."""
        asked = question + SUFFIX
        plain = f"{getattr(self._processor, 'image_token', '<image>')}\n{asked}"
        content: Any = plain
        owner = self._processor.tokenizer
        if getattr(self._processor, "chat_template", None):
            owner, content = self._processor, [{"type": "image"}, {"type": "text", "text": asked}]
        elif not owner.chat_template:
            return plain
        chat = [{"role": "user", "content": content}]
        return str(owner.apply_chat_template(chat, add_generation_prompt=True, tokenize=False))

    def _read(self, logs: Tensor) -> Answer:
        """From log-probabilities over the vocabulary to P(yes | yes or no)."""
        both = logs[[*self._yes, *self._no]].logsumexp(0)
        p_yes = float((logs[self._yes].logsumexp(0) - both).exp())
        if p_yes != p_yes:
            return Answer(None, "the model's logits are not finite")
        mass = float(both.exp())
        if mass < self._least_mass:
            token = self._processor.tokenizer.convert_ids_to_tokens(int(logs.argmax()))
            return Answer(None, f"P(yes or no) is {mass:.3f}, below {self._least_mass}: it would rather say {token!r}")
        return Answer(p_yes)


def _spellings(vocabulary: Mapping[str, int], word: str, identity: str) -> list[int]:
    """Ids of all tokens that spell the word, whatever their case and whether or not they begin with a space."""
    ids = sorted(index for token, index in vocabulary.items() if _WORD_START.sub("", token).lower() == word)
    if not ids:
        raise WeightsError(f"{identity} has no token for {word!r}, so it cannot answer yes or no; choose another model")
    return ids


def _decode(pictures: Mapping[str, Picture]) -> dict[str, Image | None]:
    """Each picture once, however many questions are asked about it."""
    images: dict[str, Image | None] = {}
    for sha256, picture in pictures.items():
        try:
            images[sha256] = picture.image()
        except OSError:
            images[sha256] = None
    return images


def load_vision(name: str, *, device: str = "auto", dtype: str = "auto", batch: int = BATCH) -> TransformersVision:
    """Load a folder, or ORGANISATION/MODEL from the hub.

    Raises:
        UnknownModel: nothing is there by that name.
        WeightsError: files are missing, damaged or of another architecture, or the model cannot say yes and no.
    """
    from transformers import AutoModelForImageTextToText, AutoProcessor

    folder = find_folder(name, "transformers")
    place = pick_device(device)
    precision = pick_dtype(dtype, place, on_cuda="bfloat16")
    model = load_model(AutoModelForImageTextToText, folder, device=place, dtype=precision)
    try:
        with quietly():
            processor = AutoProcessor.from_pretrained(folder)
    except (OSError, ValueError, ImportError) as error:
        reason = str(error).strip().splitlines()[0]
        raise WeightsError(
            f"the processor in {folder} cannot be loaded: {reason}; it must work without torchvision, as LLaVA's does"
        ) from error
    label = folder.name if folder.parent.name != "snapshots" else name
    identity = f"transformers:{label}@{fingerprint(folder)}/{str(precision).removeprefix('torch.')}"
    return TransformersVision(model, processor, identity, batch)
