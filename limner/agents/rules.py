"""What whoever writes prompts must keep to, whatever the instruction: the model's ways and the person's wishes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from limner.presets import PLAIN, Preset, preset

LONGEST = 4000
"""Characters of a prompt at most, whatever the model."""
_BYTES_PER_TOKEN = 4
_MARKS = 3
"""Start and end marks, and the space that some tokenizers put in front."""


class CountsTokens(Protocol):
    """An image model that knows how much of a prompt it reads. Its first answer may load the model."""

    @property
    def token_limit(self) -> int | None:
        """Tokens that it reads, start and end marks included; None is no limit."""
        ...

    def count_tokens(self, text: str) -> int:
        """Tokens of a prompt, start and end marks included, by its own tokenizer."""
        ...


@dataclass(frozen=True, slots=True)
class WritingRules:
    """What holds for every prompt of a run.

    `counter` is None where the image model cannot count tokens; the preset's limit then holds at four bytes a token.
    `locked` texts stay as they are where a request has them; with `style_neutral` no words of style are added.
    """

    preset: Preset = field(default_factory=lambda: preset(PLAIN))
    counter: CountsTokens | None = None
    locked: tuple[str, ...] = ()
    style_neutral: bool = False

    def fits(self, text: str) -> bool:
        """Whether a prompt is short enough to be read to its end.

        No tokenizer makes more tokens than a text has bytes, so short texts are never counted.
        """
        size = len(text.encode(errors="replace"))
        if len(text) > LONGEST:
            return False
        if self.counter is None:
            most = self.preset.token_limit
            return most is None or size <= _BYTES_PER_TOKEN * most
        limit = self.counter.token_limit
        return limit is None or size + _MARKS <= limit or self.counter.count_tokens(text) <= limit

    @property
    def most_tokens(self) -> int | None:
        """The limit that writers are told, the preset's first, for it is known without the model; None is without."""
        told = self.preset.token_limit
        return self.counter.token_limit if told is None and self.counter is not None else told
