"""What local vision models share: batches, each picture decoded once, yes and no read from a vocabulary."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from limner.errors import WeightsError
from limner.types import Answer, Picture, Question, Terms

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

BATCH = 32
LEAST_MASS = 0.05
"""Probability that yes and no must have together for an answer to be read."""
ANSWER_ONLY = 2048
"""A vocabulary smaller than this belongs to a model made for answering, whose other tokens' logits mean nothing."""
_WORD_START = re.compile(r"^[\s▁Ġ]+|</w>$")

Ask = tuple[int, str]
"""A question: the place of its picture among the batch's, and its words."""


class LocalVision(ABC):
    """A vision model in this process: the same question always gets the same answer."""

    def __init__(self, identity: str, batch: int = BATCH) -> None:
        """Take the name under which answers are recorded, and questions per batch."""
        self._identity, self._batch = identity, batch

    @property
    def identity(self) -> str:
        """`transformers:NAME@hash/dtype`."""
        return self._identity

    @property
    def terms(self) -> Terms:
        """Local and free."""
        return Terms(batch=self._batch)

    def answer(self, asks: Sequence[tuple[Picture, Question]]) -> list[Answer]:
        """P(yes) for each; None for a picture that cannot be decoded and for a reply that is neither yes nor no."""
        answers: list[Answer] = []
        for start in range(0, len(asks), self._batch):
            answers += self._answer_batch(asks[start : start + self._batch])
        return answers

    def _answer_batch(self, asks: Sequence[tuple[Picture, Question]]) -> list[Answer]:
        decoded = _decode({picture.sha256: picture for picture, _ in asks})
        images = {sha256: image for sha256, image in decoded.items() if not isinstance(image, Answer)}
        places = {sha256: place for place, sha256 in enumerate(images)}
        readable = [(places[picture.sha256], question.text) for picture, question in asks if picture.sha256 in places]
        told = iter(self._ask(list(images.values()), readable) if readable else ())
        lost = {sha256: answer for sha256, answer in decoded.items() if isinstance(answer, Answer)}
        return [lost.get(picture.sha256) or next(told) for picture, _ in asks]

    @abstractmethod
    def _ask(self, images: Sequence[Image], asks: Sequence[Ask]) -> list[Answer]:
        """One answer for each question."""


class YesNo:
    """Reads yes and no from log-probabilities over a tokenizer's vocabulary.

    Every single-token spelling of either counts (`Yes`, ` yes`, `YES`): which one a model prefers depends on its
    template. A model that would rather say something else is not answering: no probability, but an unreadable answer.
    """

    def __init__(self, tokenizer: Any, identity: str) -> None:
        """Find the spellings.

        Raises:
            WeightsError: the vocabulary has no token for one of the two.
        """
        vocabulary: Mapping[str, int] = tokenizer.get_vocab()
        self._tokenizer = tokenizer
        self._yes, self._no = _spellings(vocabulary, "yes", identity), _spellings(vocabulary, "no", identity)
        self._least_mass = LEAST_MASS if len(vocabulary) >= ANSWER_ONLY else 0.0

    def read(self, logits: Tensor) -> list[Answer]:
        """From logits (N, vocabulary) of the first word of each reply to P(yes | yes or no)."""
        return [self._one(row) for row in logits.float().log_softmax(-1).cpu()]

    def _one(self, logs: Tensor) -> Answer:
        both = logs[[*self._yes, *self._no]].logsumexp(0)
        p_yes = float((logs[self._yes].logsumexp(0) - both).exp())
        if p_yes != p_yes:
            return Answer(None, "the model's logits are not finite")
        mass = float(both.exp())
        if mass < self._least_mass:
            token = self._tokenizer.convert_ids_to_tokens(int(logs.argmax()))
            return Answer(None, f"P(yes or no) is {mass:.3f}, below {self._least_mass}: it would rather say {token!r}")
        return Answer(p_yes)


def _spellings(vocabulary: Mapping[str, int], word: str, identity: str) -> list[int]:
    """Ids of all tokens that spell the word, whatever their case and whether or not they begin with a space."""
    ids = sorted(index for token, index in vocabulary.items() if _WORD_START.sub("", token).lower() == word)
    if not ids:
        raise WeightsError(f"{identity} has no token for {word!r}, so it cannot answer yes or no; choose another model")
    return ids


def _decode(pictures: Mapping[str, Picture]) -> dict[str, Image | Answer]:
    """Each picture once, however many questions are asked about it; an unreadable answer where it is none."""
    images: dict[str, Image | Answer] = {}
    for sha256, picture in pictures.items():
        try:
            images[sha256] = picture.image()
        except OSError as error:
            images[sha256] = Answer(None, f"the picture cannot be decoded: {error}")
    return images


def fitting(image: Image, *, least: int, widest: int) -> Image:
    """The picture as one that a picture processor takes: enlarged to sides of `least` pixels, padded where too narrow.

    `widest` is the longest side over the shortest, at most; the padding is white.
    """
    from PIL import Image, ImageOps

    size = max(image.width, least), max(image.height, least)
    if size != image.size:
        image = image.resize(size, Image.Resampling.BICUBIC)
    side = -(-max(size) // widest)
    if min(size) < side:
        image = ImageOps.pad(image, (max(size[0], side), max(size[1], side)), color="white")
    return image
