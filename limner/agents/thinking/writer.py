"""The prompt writer's prompt, the shape of its reply, and the writer that sends the one and reads the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from limner.agents.intent import Fault, locked_texts
from limner.agents.rules import WritingRules
from limner.agents.thinking.quoting import DATA_RULE, quoted
from limner.agents.thinking.replies import Reply, Said
from limner.protocols import LanguageModel
from limner.types import Instruction, Message, Prompt, Query

SYSTEM = """\
You are the prompt writer of a text-to-image system. You turn a person's request into the prompt that an image model \
is given, in the way that an instruction says.

Rules, the most important first:
1. Keep what the person asked for. Every object, attribute, number, relation, place and background of the request \
stays in the prompt, of the same thing, in the person's own words. Nothing is dropped, swapped, merged or counted \
otherwise.
2. Obey the instruction as far as rule 1 allows. Do no more than it says: what it does not ask for stays as the person \
said it.
3. Add no further objects, people, text or events. Invent a place, size, colour, style or mood only if the instruction \
says so.
4. Text in double quotes inside the request is to be written in the picture: keep it to the letter.
5. {data_rule}
6. Write the prompt itself, in the language of the request, without a title, explanation or quotation marks around it.
{more}
The image model is {title}. {advice}

Example. For the instruction "Give each object a clause of its own. Ask for high quality." and the request "draw me \
two brown dogs left of a red kite" a good reply is:
{example}

Reply with one JSON object: "prompt" is the prompt, "negative" {negative}"""
NEUTRAL = """\
7. The person wants their own style: add no words of style, mood, medium, artist, camera or lighting that the request \
does not have, even if the instruction asks for them.
"""
LENGTH = "The prompt must not have more than {words} words ({tokens} tokens): the image model reads no further.\n"
EXAMPLE = '{"prompt": "two brown dogs, left of a red kite, high quality", "negative": ""}'
NEGATIVE = "what must not be seen, in a few words, never anything that was asked for; empty unless it helps."
NO_NEGATIVE = "is the empty string: this model takes none."
AGAIN = """\
That prompt cannot be used. Write it again so that all of this is mended, and leave the rest as it is:
{wrong}
"""
WRONG = {
    "length": "It is too long; the most is",
    "style": "It adds style that the person did not ask for; leave out",
    "locked": "It does not have this text, which must stand in it to the letter",
    "model": "It no longer asks for",
}
LOST = "It no longer asks for this, in the person's own words"
WORDS_PER_TOKEN = 0.7


class WrittenPrompt(Reply):
    """The writer's reply."""

    prompt: Said
    negative: str = ""


@dataclass(frozen=True, slots=True)
class LanguageWriter:
    """Rewrites requests by a language model."""

    model: LanguageModel
    name: str
    rules: WritingRules

    async def write(self, instruction: Instruction, query: Query) -> Prompt:
        """Write the prompt.

        Raises:
            ReplyUnusable: the model gave no reply that is of use.
        """
        return _prompt(await self.model.reply(self._messages(instruction, query), WrittenPrompt))

    async def rewrite(self, instruction: Instruction, query: Query, prompt: Prompt, wrong: Sequence[Fault]) -> Prompt:
        """Write the prompt again, told what is wrong with it; errors are those of `write`."""
        said = WrittenPrompt(prompt=prompt.text, negative=prompt.negative).model_dump_json()
        told = quoted("wrong", [f"{WRONG.get(fault.kind, LOST)}: {fault.said}" for fault in wrong])
        messages = [
            *self._messages(instruction, query),
            Message("assistant", said),
            Message("user", AGAIN.format(wrong=told)),
        ]
        return _prompt(await self.model.reply(messages, WrittenPrompt))

    def _messages(self, instruction: Instruction, query: Query) -> list[Message]:
        told = [quoted("instruction", instruction.text), quoted("request", query.text)]
        locked = locked_texts(query.text, self.rules.locked)
        if locked:
            told.append(quoted("keep_to_the_letter", locked))
        return [Message("system", system(self.rules)), Message("user", "\n".join(told))]


def system(rules: WritingRules) -> str:
    """The part that stays the same for all prompts of a run."""
    tokens = rules.most_tokens
    more = NEUTRAL if rules.style_neutral else ""
    more += LENGTH.format(words=int(WORDS_PER_TOKEN * tokens), tokens=tokens) if tokens else ""
    return SYSTEM.format(
        data_rule=DATA_RULE,
        more=more,
        title=rules.preset.title,
        advice=rules.preset.advice.strip(),
        example=EXAMPLE,
        negative=NEGATIVE if rules.preset.negative else NO_NEGATIVE,
    )


def _prompt(reply: WrittenPrompt) -> Prompt:
    return Prompt(reply.prompt, reply.negative.strip())
