"""What whoever writes prompts must keep to, whatever the instruction: the model's ways and the person's wishes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from limner.presets import PLAIN, Preset, preset

LONGEST = 4000
"""Characters of a prompt for a model that states no limit of tokens."""


@dataclass(frozen=True, slots=True)
class TokenLimit:
    """How many tokens an image model reads, start and end marks included, and how its own tokenizer counts them."""

    most: int
    count: Callable[[str], int]

    def fits(self, text: str) -> bool:
        """Whether the model reads all of a text.

        No tokenizer makes more tokens than the text has bytes, so short texts are never counted: counting may load a
        model.
        """
        return len(text.encode(errors="replace")) + _MARKS <= self.most or self.count(text) <= self.most


_MARKS = 3
"""Start and end marks, and the space that some tokenizers put in front."""


@dataclass(frozen=True, slots=True)
class WritingRules:
    """What holds for every prompt of a run.

    `limit` is None where the image model cannot count tokens; the preset's limit then holds at four bytes a token.
    `locked` texts stay as they are where a request has them; with `style_neutral` no words of style are added.
    """

    preset: Preset = field(default_factory=lambda: preset(PLAIN))
    limit: TokenLimit | None = None
    locked: tuple[str, ...] = ()
    style_neutral: bool = False

    def fits(self, text: str) -> bool:
        """Whether a prompt is short enough to be read to its end."""
        if len(text) > LONGEST:
            return False
        if self.limit is not None:
            return self.limit.fits(text)
        most = self.preset.token_limit
        return most is None or len(text.encode(errors="replace")) <= _BYTES_PER_TOKEN * most

    @property
    def most_tokens(self) -> int | None:
        """The limit that writers are told; None is without one."""
        return self.limit.most if self.limit is not None else self.preset.token_limit


_BYTES_PER_TOKEN = 4
