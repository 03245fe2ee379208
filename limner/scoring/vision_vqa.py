"""Models made for answering questions about pictures: ViLT, which chooses among known answers, and BLIP, which writes.

Both were trained on short plain questions, so they are asked the question as it stands; one too long for the window is
cut at its end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from limner.errors import WeightsError
from limner.scoring.answering import BATCH, LEAST_MASS, Ask, LocalVision, YesNo, fitting
from limner.types import Answer

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor


LEAST_SIDE, WIDEST = 16, 4
"""ViLT's picture processor rounds sides down to whole patches: of a narrow picture nothing would be left."""


class ViltVision(LocalVision):
    """ViLT (arXiv 2102.03334): a classifier over the answers of VQAv2, yes and no among them.

    Its head was trained with one sigmoid per answer, so P(yes) is yes over yes and no, each by its own sigmoid.
    """

    def __init__(self, model: Any, processor: Any, identity: str, batch: int = BATCH) -> None:
        """Take a loaded model and its processor.

        Raises:
            WeightsError: yes or no is not among the model's answers.
        """
        super().__init__(identity, batch)
        if len(processor.tokenizer) < model.config.vocab_size // 2:
            raise WeightsError(
                f"the tokenizer of {identity} cannot be loaded or is another model's: it has "
                f"{len(processor.tokenizer)} tokens, the model {model.config.vocab_size}"
            )
        self._model, self._processor = model, processor
        labels = {str(label).strip().lower(): int(place) for place, label in model.config.id2label.items()}
        for word in ("yes", "no"):
            if word not in labels:
                raise WeightsError(f"{identity} has no answer {word!r} among its {len(labels)}; choose another model")
        self._yes, self._no, self._labels = labels["yes"], labels["no"], model.config.id2label

    def _ask(self, images: Sequence[Image], asks: Sequence[Ask]) -> list[Answer]:
        import torch

        inputs = self._processor(
            images=[fitting(images[place], least=LEAST_SIDE, widest=WIDEST) for place, _ in asks],
            text=[question for _, question in asks],
            padding=True,
            truncation=True,
            max_length=self._model.config.max_position_embeddings,
            return_tensors="pt",
        ).to(self._model.device, self._model.dtype)
        # ViLT orders patches at random, and where they are too many chooses among them, by the global generator.
        devices = [self._model.device] if self._model.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices), torch.inference_mode():
            torch.manual_seed(0)
            logits = self._model(**inputs).logits
        return [self._read(row) for row in logits.float().cpu()]

    def _read(self, logits: Tensor) -> Answer:
        chances = logits.sigmoid()
        yes, no = float(chances[self._yes]), float(chances[self._no])
        both = yes + no
        if both != both:
            return Answer(None, "the model's logits are not finite")
        if both < LEAST_MASS:
            said = self._labels[int(logits.argmax())]
            return Answer(None, f"yes and no have {both:.3f}, below {LEAST_MASS}: it would rather say {said!r}")
        return Answer(yes / both)


class BlipVision(LocalVision):
    """BLIP (arXiv 2201.12086): a picture is encoded once, its questions read it, and a decoder writes the answer."""

    def __init__(self, model: Any, processor: Any, identity: str, batch: int = BATCH) -> None:
        """Take a loaded model and its processor."""
        super().__init__(identity, batch)
        self._model, self._processor = model, processor
        self._words = YesNo(processor.tokenizer, identity)

    def _ask(self, images: Sequence[Image], asks: Sequence[Ask]) -> list[Answer]:
        import torch

        pixels = self._processor.image_processor(list(images), return_tensors="pt")["pixel_values"]
        questions = self._processor.tokenizer(
            [question for _, question in asks],
            truncation=True,
            max_length=self._model.config.text_config.max_position_embeddings,
        )["input_ids"]
        answers: list[Answer] = [Answer(None)] * len(asks)
        with torch.inference_mode():
            placed = pixels.to(self._model.device, self._model.dtype)
            shown = self._model.vision_model(pixel_values=placed).last_hidden_state
            for some in _of_one_length(questions):
                ids = torch.tensor([questions[n] for n in some], device=self._model.device)
                logits = self._first_word(shown[[asks[n][0] for n in some]], ids)
                for place, answer in zip(some, self._words.read(logits), strict=True):
                    answers[place] = answer
        return answers

    def _first_word(self, shown: Tensor, ids: Tensor) -> Tensor:
        """Logits (N, vocabulary) of the first word of each answer."""
        read = self._model.text_encoder(input_ids=ids, encoder_hidden_states=shown).last_hidden_state
        first = ids.new_full((len(ids), 1), self._model.config.text_config.bos_token_id)
        decoded = self._model.text_decoder(input_ids=first, encoder_hidden_states=read, use_cache=False)
        logits: Tensor = decoded.logits[:, -1]
        return logits


def _of_one_length(questions: Sequence[Sequence[int]]) -> list[list[int]]:
    """Places of questions of the same length together: the decoder would read what others are padded with."""
    by_length: defaultdict[int, list[int]] = defaultdict(list)
    for place, ids in enumerate(questions):
        by_length[len(ids)].append(place)
    return list(by_length.values())
