"""The intent guard's second look by a language model: its prompt and the shape of its reply."""

from __future__ import annotations

from dataclasses import dataclass

from limner.agents.counting import count
from limner.agents.thinking.quoting import DATA_RULE, quoted
from limner.agents.thinking.replies import Reply
from limner.errors import ReplyUnusable
from limner.protocols import LanguageModel
from limner.types import Message, Prompt, Query

SYSTEM = """\
A person's <request> for a picture was rewritten into a <prompt> for an image model. Find out whether the prompt still \
asks for everything that the request asks for.

Go through the request's objects, attributes, numbers, relations and places one by one. A thing is lost if the prompt \
does not ask for it, asks for it of another object, or contradicts it. Another word for the same thing, another order \
and additions are fine. Words that only address the painter ("please draw me") need not be kept.
{data_rule}

Reply with one JSON object: "lost" is the list of what is lost, each in the words of the request, and empty \
if nothing is."""


class LostIntent(Reply):
    """The checker's reply."""

    lost: list[str]


@dataclass(frozen=True, slots=True)
class LanguageChecker:
    """Looks for lost intent by a language model."""

    model: LanguageModel

    async def lost(self, query: Query, prompt: Prompt) -> tuple[str, ...]:
        """What the prompt no longer asks for; nothing, and counted, without a reply that is of use."""
        told = f"{quoted('request', query.text)}\n{quoted('prompt', prompt.text)}"
        try:
            reply = await self.model.reply(
                [Message("system", SYSTEM.format(data_rule=DATA_RULE)), Message("user", told)], LostIntent
            )
        except ReplyUnusable:
            count("guard replies of no use")
            return ()
        return tuple(dict.fromkeys(" ".join(one.split()) for one in reply.lost if one.strip()))
