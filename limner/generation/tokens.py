"""How much of a prompt a pipeline reads, by its own tokenizers.

A pipeline with several text encoders cuts the text for each at another length; what counts is the most patient one,
since only what that one does not read is lost for good.
"""

from __future__ import annotations

import logging
from typing import Any

_ENDLESS = 100_000
"""Tokenizers without a limit state a huge one."""

_log = logging.getLogger(__name__)


class Tokens:
    """The tokenizers of one pipeline; `longest` is the pipeline's own limit, where it has one."""

    def __init__(self, components: dict[str, Any], longest: int | None) -> None:
        found = [components.get(name) for name in ("tokenizer", "tokenizer_2", "tokenizer_3")]
        limits = [(_limit(one, longest), one) for one in found if one is not None]
        self.limit, self._tokenizer = max(limits, key=lambda pair: pair[0] or _ENDLESS)
        self._told: set[str] = set()

    def count(self, text: str) -> int:
        """Tokens of a text, start and end marks included."""
        return len(self._tokenizer(text, verbose=False).input_ids)

    def lost(self, text: str) -> str:
        """The end of a text that no encoder reads; empty if all of it is read."""
        ids = self._tokenizer(text, verbose=False).input_ids
        if self.limit is None or len(ids) <= self.limit:
            return ""
        return str(self._tokenizer.decode(ids[self.limit - 1 :], skip_special_tokens=True)).strip()

    def warn(self, text: str) -> None:
        """Say once of a text that its end is cut off, and which."""
        if text in self._told or not (lost := self.lost(text)):
            return
        self._told.add(text)
        _log.warning(
            "A prompt of %d tokens is cut off after %s, which is all that the model reads; lost: %r. Shorten it.",
            self.count(text), self.limit, lost,
        )  # fmt: skip


def _limit(tokenizer: Any, longest: int | None) -> int | None:
    limits = [limit for limit in (tokenizer.model_max_length, longest) if limit is not None and limit < _ENDLESS]
    return min(limits, default=None)
