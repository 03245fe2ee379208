"""The instruction modifier's prompts, the shapes of its replies, and the modifier: one child per improvement."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from limner.agents.counting import count
from limner.agents.thinking.quoting import DATA_RULE, quoted
from limner.agents.thinking.replies import Reply
from limner.errors import ReplyUnusable
from limner.protocols import LanguageModel
from limner.types import Instruction, Message

SYSTEM = """\
You are the instruction modifier of a text-to-image system. An instruction tells a prompt writer how to rewrite \
people's requests into prompts for an image model. You write new instructions.

An instruction
- is plain English in the imperative, a few short sentences, {longest} words at most;
- holds for every request: it names no subject and gives no example of one;
- speaks of how a request is worded as a prompt, never of changing what the person asked for;
- differs from every instruction in <taken>.

{task}
{data_rule}
"""
CHILD = """\
You are given an <instruction> and one <improvement>. Write the instruction that carries out this improvement and \
keeps everything else as it is: add the sentence, take one away or replace one. If the improvement asks for a request \
to be changed, is no advice about wording, or would lead to an instruction that is taken, reply with null.

Reply with one JSON object: "instruction" is the new instruction or null."""
VARIANTS = """\
You are given an <instruction>. Write variants of it that are more specific: each keeps what it says and adds one \
piece of concrete advice about wording, each another one.

Reply with one JSON object: "instructions" is the list of variants."""
HOW_MANY = "Write {count} variants."
LONGEST = 120
"""Words of an instruction at most."""
MOST_TAKEN = 16


class Child(Reply):
    """The reply to one improvement."""

    instruction: str | None


class Variants(Reply):
    """The reply where more specific variants are asked for."""

    instructions: list[str]


@dataclass(frozen=True, slots=True)
class LanguageModifier:
    """Writes instructions by a language model."""

    model: LanguageModel
    name: str

    async def modify(
        self, instruction: Instruction, improvement: str, avoid: Sequence[Instruction] = (), seed: int = 0
    ) -> Instruction | None:
        """Make the child; None if there is none that is new, or no reply of use, which is counted.

        The endpoint samples, so `seed` has no part here.
        """
        told = [quoted("instruction", instruction.text), _taken(avoid), quoted("improvement", improvement)]
        try:
            reply = await self.model.reply(_messages(CHILD, told), Child)
        except ReplyUnusable:
            _useless()
            return None
        children = _new([reply.instruction or ""], (instruction, *avoid))
        return _born(children[0], instruction, improvement) if children else None

    async def vary(
        self, instruction: Instruction, count: int = 3, avoid: Sequence[Instruction] = (), seed: int = 0
    ) -> list[Instruction]:
        """Write up to `count` variants; none without a reply of use, which is counted. `seed` has no part here."""
        told = [quoted("instruction", instruction.text), _taken(avoid), HOW_MANY.format(count=count)]
        try:
            reply = await self.model.reply(_messages(VARIANTS, told), Variants)
        except ReplyUnusable:
            _useless()
            return []
        variants = _new(reply.instructions, (instruction, *avoid))
        return [_born(text, instruction, "more specific") for text in variants[:count]]


def _useless() -> None:
    count("modifier replies of no use")


def _messages(task: str, told: Sequence[str]) -> list[Message]:
    system = SYSTEM.format(longest=LONGEST, task=task, data_rule=DATA_RULE)
    return [Message("system", system), Message("user", "\n".join(told))]


def _taken(avoid: Sequence[Instruction]) -> str:
    return quoted("taken", [instruction.text for instruction in avoid[-MOST_TAKEN:]])


def _new(texts: Sequence[str], taken: Sequence[Instruction]) -> list[str]:
    """Those that say something short that none of the taken ones and no earlier one says in the same words."""
    seen = {_words(instruction.text) for instruction in taken} | {()}
    found = []
    for text in (" ".join(text.split()) for text in texts):
        words = _words(text)
        if words not in seen and len(text.split()) <= LONGEST:
            seen.add(words)
            found.append(text)
    return found


def _words(text: str) -> tuple[str, ...]:
    """The words of a text in any order: two instructions with the same ones say the same."""
    return tuple(sorted(re.findall(r"[\w']+", text.casefold())))


def _born(text: str, parent: Instruction, reason: str) -> Instruction:
    return Instruction(text, parent=parent.id, round=parent.round + 1, reason=reason)
