"""The intent guard: a prompt that no longer asks for what the person asked for is written again, once.

What still fails then gives way to the person's own words, put in order. Rules look first, a language model where there
is one; a prompt that is only too long first loses what stands at its end and was not asked for. All of it is counted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from limner.agents.composer import compose
from limner.agents.counting import count
from limner.agents.intent import Fault, faults, stems_asked
from limner.agents.parser import parse
from limner.agents.protocols import PromptWriter
from limner.agents.rules import WritingRules
from limner.agents.style import Style
from limner.errors import ReplyUnusable
from limner.types import Instruction, Prompt, Query

WRITTEN_AGAIN = "prompts written again"
FELL_BACK = "prompts that fell back to the request's words"
SHORTENED = "prompts shortened to the token limit"
CUT_OFF = "prompts longer than the token limit"
_PART = re.compile(r"[,;.\n]")
_STRUCTURE = Style(trim=True, clauses=True)


class Rewriter(PromptWriter, Protocol):
    """A writer that can be told what is wrong with its prompt."""

    async def rewrite(self, instruction: Instruction, query: Query, prompt: Prompt, wrong: Sequence[Fault]) -> Prompt:
        """Write the prompt again, with these faults mended.

        Raises:
            ReplyUnusable: its model gave no reply that is of use.
        """
        ...


class IntentChecker(Protocol):
    """A second look at a prompt that the rules let pass."""

    async def lost(self, query: Query, prompt: Prompt) -> tuple[str, ...]:
        """What the prompt no longer asks for, in words; empty if nothing."""
        ...


@dataclass(frozen=True, slots=True)
class GuardedWriter:
    """A writer whose prompts keep the person's intent and the image model's limit."""

    writer: Rewriter
    rules: WritingRules
    checker: IntentChecker | None = None

    @property
    def name(self) -> str:
        """The writer's family."""
        return self.writer.name

    async def write(self, instruction: Instruction, query: Query) -> Prompt:
        """Write the prompt; whatever the writer does, what comes back asks for what the query asks for."""
        try:
            prompt = self._shortened(query, await self.writer.write(instruction, query))
            wrong = await self._wrong(query, prompt)
            if wrong:
                count(WRITTEN_AGAIN)
                prompt = self._shortened(query, await self.writer.rewrite(instruction, query, prompt, wrong))
                wrong = await self._wrong(query, prompt)
        except ReplyUnusable:
            count("writer replies of no use")
            return self._fallen_back(query)
        return self._fallen_back(query) if wrong else self._negative_kept(query, prompt)

    async def _wrong(self, query: Query, prompt: Prompt) -> tuple[Fault, ...]:
        found = self._by_rule(query, prompt.text)
        if found or self.checker is None:
            return found
        return tuple(Fault("model", said) for said in await self.checker.lost(query, prompt))

    def _by_rule(self, query: Query, text: str) -> tuple[Fault, ...]:
        rules = self.rules
        found = faults(query.text, text, rules.locked, style_neutral=rules.style_neutral)
        if not rules.fits(text):
            found += (Fault("length", f"{rules.most_tokens or 'fewer'} tokens"),)
        return found

    def _shortened(self, query: Query, prompt: Prompt) -> Prompt:
        """The prompt without its last parts, if it is too long and they were not asked for; else as it is."""
        if self.rules.fits(prompt.text):
            return prompt
        text = _first_parts(prompt.text, self.rules)
        if not text or self._by_rule(query, text):
            return prompt
        count(SHORTENED)
        return replace(prompt, text=text)

    def _fallen_back(self, query: Query) -> Prompt:
        count(FELL_BACK)
        ordered = compose(parse(query.text), _STRUCTURE)
        text = query.text if self._by_rule(query, ordered) else ordered
        if not self.rules.fits(text):
            count(CUT_OFF)
        return Prompt(text)

    def _negative_kept(self, query: Query, prompt: Prompt) -> Prompt:
        """The prompt with its negative text, unless the model takes none or it forbids what was asked for."""
        if not prompt.negative:
            return prompt
        if not self.rules.preset.negative:
            return replace(prompt, negative="")
        if stems_asked(query.text, prompt.negative):
            count("negative prompts that forbade what was asked for")
            return replace(prompt, negative="")
        return prompt


def _first_parts(text: str, rules: WritingRules) -> str:
    """As many of the first parts of a text as fit; empty if not even one does."""
    for mark in reversed(list(_PART.finditer(text))):
        first = text[: mark.start()].rstrip()
        if rules.fits(first):
            return first
    return ""
