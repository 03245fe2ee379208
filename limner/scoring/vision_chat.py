"""A model that talks, asked for one word: P(yes) from the first token of its reply.

Questions about one picture begin alike: template, then the picture's many tokens. Where the family's attention allows
it, that prefix is computed once per picture, its keys and values are copied for each question, and only the question's
own tokens are computed (`shares`).
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from limner.scoring.answering import BATCH, Ask, LocalVision, YesNo
from limner.types import Answer

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

SUFFIX = " Answer yes or no."
HELD_TOKENS = 8192
"""Tokens of prefixes whose keys and values are held at once: half a megabyte each in a 7B model of 2023."""
PICTURE_TOKENS = 576
"""Tokens of a picture where a configuration does not say: LLaVA-1.5's."""


class Reader(Protocol):
    """How a family's pictures and questions become what its model reads."""

    tokenizer: Any
    image_token_id: int

    def prompt(self, question: str) -> str:
        """The whole prompt, in which one token stands for the picture."""
        ...

    def inputs(self, images: Sequence[Image], prompts: Sequence[str]) -> Any:
        """A `BatchFeature` of tensors, one row per pair; `input_ids` are padded on the left."""
        ...

    def tokens(self, image: Image) -> int:
        """About how many tokens a picture takes."""
        ...


class ProcessorReader:
    """Reads by the model's own processor and chat template; without a template in plain text."""

    def __init__(self, processor: Any, config: Any) -> None:
        """The tokenizer is set to pad on the left, where answers are not."""
        self._processor, self.tokenizer = processor, processor.tokenizer
        self.tokenizer.padding_side = "left"
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self.image_token_id: int = getattr(config, "image_token_id", None) or -1
        self._tokens = int(getattr(config, "image_seq_length", None) or PICTURE_TOKENS)

    def prompt(self, question: str) -> str:
        """In the model's own chat template; without one, the picture's place and the question in plain text."""
        asked = question + SUFFIX
        plain = f"{getattr(self._processor, 'image_token', '<image>')}\n{asked}"
        content: Any = plain
        owner = self.tokenizer
        if getattr(self._processor, "chat_template", None):
            owner, content = self._processor, [{"type": "image"}, {"type": "text", "text": asked}]
        elif not owner.chat_template:
            return plain
        chat = [{"role": "user", "content": content}]
        return str(owner.apply_chat_template(chat, add_generation_prompt=True, tokenize=False))

    def inputs(self, images: Sequence[Image], prompts: Sequence[str]) -> Any:
        """What the processor makes of them."""
        return self._processor(images=list(images), text=list(prompts), padding=True, return_tensors="pt")

    def tokens(self, image: Image) -> int:
        """The same for all pictures, as the configuration says."""
        return self._tokens


class _Prefix(NamedTuple):
    """Pictures with what precedes them, computed: one row each."""

    cache: Any
    mask: Tensor
    start: Tensor
    """The position of the next token (N)."""


class ChatVision(LocalVision):
    """Answers yes/no questions with an image-text-to-text model."""

    def __init__(self, model: Any, reader: Reader, identity: str, batch: int = BATCH, *, shares: bool = False) -> None:
        """Take a loaded model and what prepares its inputs; `shares` computes each picture's prefix once."""
        super().__init__(identity, batch)
        self._model, self._reader, self._shares = model, reader, shares
        self._words = YesNo(reader.tokenizer, identity)

    def _ask(self, images: Sequence[Image], asks: Sequence[Ask]) -> list[Answer]:
        import torch

        questions = self._after_picture([text for _, text in asks]) if self._shares else None
        with torch.inference_mode():
            if questions is None:
                return self._words.read(self._whole([images[place] for place, _ in asks], [text for _, text in asks]))
            answers: list[Answer] = []
            for part in self._parts(images, asks):
                logits = self._shared(images, [asks[n][0] for n in part], [questions[n] for n in part])
                answers += self._words.read(logits)
        return answers

    def _whole(self, images: Sequence[Image], questions: Sequence[str]) -> Tensor:
        """First-word logits (N, vocabulary) of whole prompts, each with its picture."""
        inputs = self._reader.inputs(images, [self._reader.prompt(question) for question in questions])
        logits: Tensor = self._forward(**self._placed(inputs), use_cache=False).logits
        return logits[:, -1]

    def _placed(self, inputs: Any) -> Any:
        return inputs.to(self._model.device, self._model.dtype)

    def _forward(self, **inputs: Any) -> Any:
        return self._model(**inputs, logits_to_keep=1)

    # -- sharing -----------------------------------------------------------------------------------------------------

    def _after_picture(self, questions: Sequence[str]) -> list[list[int]] | None:
        """Token ids of each prompt behind its picture; None if a question stands before it: then nothing is shared."""
        heads, tails = set(), []
        for question in ("", *questions):
            ids = self._reader.tokenizer(self._reader.prompt(question))["input_ids"]
            if self._reader.image_token_id not in ids:
                return None
            behind = len(ids) - ids[::-1].index(self._reader.image_token_id)
            heads.add(tuple(ids[:behind]))
            tails.append(list(ids[behind:]))
        return tails[1:] if len(heads) == 1 and all(tails) else None

    def _parts(self, images: Sequence[Image], asks: Sequence[Ask]) -> Iterator[list[int]]:
        """Questions by picture, as many at once as `HELD_TOKENS` allow; each by its place. Answers keep the order."""
        part: list[int] = []
        held = 0
        for place, (image, _) in enumerate(asks):
            tokens = self._reader.tokens(images[image])
            if part and held + tokens > HELD_TOKENS:
                yield part
                part, held = [], 0
            part.append(place)
            held += tokens
        yield part

    def _shared(self, images: Sequence[Image], places: Sequence[int], questions: Sequence[list[int]]) -> Tensor:
        """First-word logits (N, vocabulary): prefixes of the pictures once each, then the questions after them."""
        import torch

        used = list(dict.fromkeys(places))
        prefix = self._prefix([images[place] for place in used])
        rows = torch.tensor([used.index(place) for place in places], device=prefix.mask.device)
        prefix.cache.batch_select_indices(rows)
        ids, mask = (part.to(self._model.device) for part in _padded(questions, self._reader.tokenizer.pad_token_id))
        positions = prefix.start[rows, None] + (mask.cumsum(-1) - 1).clamp(min=0)
        if self._turns() is not None:
            positions = positions.expand(3, -1, -1)
        logits: Tensor = self._forward(
            input_ids=ids,
            attention_mask=torch.cat([prefix.mask[rows], mask], dim=1),
            position_ids=positions,
            use_cache=True,
            **{_cache_name(self._model): prefix.cache},
        ).logits
        return logits[:, -1]

    def _prefix(self, images: Sequence[Image]) -> _Prefix:
        """Compute the pictures with what precedes them in a prompt, whatever its question."""
        inputs = self._placed(self._reader.inputs(images, [self._reader.prompt("")] * len(images)))
        ids = inputs["input_ids"]
        behind = int((ids[0] == self._reader.image_token_id).nonzero()[-1]) + 1
        cut = {name: value[:, :behind] if value.shape == ids.shape else value for name, value in inputs.items()}
        out = self._forward(**cut, use_cache=True)
        mask = cut["attention_mask"]
        turns = self._turns()
        start = mask.new_full((len(images),), behind) if turns is None else mask.sum(-1) + turns[:, 0]
        return _Prefix(getattr(out, _cache_name(self._model)), mask, start)

    def _turns(self) -> Any:
        """What Qwen-VL adds to a text's positions, because a picture's are three-dimensional; None for others."""
        return getattr(getattr(self._model, "model", None), "rope_deltas", None)


def _padded(questions: Sequence[list[int]], pad: int) -> tuple[Tensor, Tensor]:
    """Ids and mask (N, longest), padded on the left."""
    import torch

    longest = max(map(len, questions))
    ids = torch.tensor([[pad] * (longest - len(one)) + one for one in questions])
    mask = torch.tensor([[0] * (longest - len(one)) + [1] * len(one) for one in questions])
    return ids, mask


def _cache_name(model: Any) -> str:
    """What this version of transformers calls the keys and values of earlier tokens."""
    return "cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values"
