"""The questioner's prompt, the shape of its reply, and the questioner: a Davidsonian Scene Graph (arXiv 2310.18235).

A request becomes atomic yes/no questions, typed, each with the questions that it needs: what is not there has no
colour. What the model gives is put in order by rule, so that nothing is asked twice or needs what is not asked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, get_args

from pydantic import BeforeValidator, Field

from limner.agents.counting import count
from limner.agents.questioner import RuleQuestioner
from limner.agents.thinking.quoting import DATA_RULE, quoted
from limner.agents.thinking.replies import Reply
from limner.errors import ReplyUnusable
from limner.protocols import LanguageModel
from limner.types import Message, Query, Question, QuestionKind

SYSTEM = """\
You take requests for pictures apart into yes/no questions, by which a judge who sees only the picture finds out \
whether it shows what was asked for.

Rules:
1. Ask about everything that the request says and nothing that it does not say. "Yes" always means: as requested.
2. Each question is about one thing: one object, one attribute, one number, one relation. Never join two with "and".
3. Ask nothing twice, also not in other words.
4. Give each question its kind: exists (an object is there), attribute (colour, material, state, activity), size, \
count (exactly how many), relation (where one object is to another, or what it does to it), place (where in the \
frame), ground (the background), quality (how well it is drawn, if the request says so), other.
5. Give each question the numbers of the questions that it needs: if their answer is no, it has no meaning. An \
attribute needs the object's existence, a relation that of both objects. Questions are numbered from 1 in your order; \
each needs earlier ones only.
6. Name objects so that they cannot be confused: where the request has two of a kind, say which one in every question.
7. {data_rule}

Example. For the request "two brown dogs left of a red kite on a beach" a good reply is:
{example}

Reply with one JSON object: "questions" is the list of questions."""
EXAMPLE = """\
{"questions": [{"question": "Is there a dog?", "kind": "exists", "needs": []}, \
{"question": "Are there exactly two dogs?", "kind": "count", "needs": [1]}, \
{"question": "Is the dog brown?", "kind": "attribute", "needs": [1]}, \
{"question": "Is there a kite?", "kind": "exists", "needs": []}, \
{"question": "Is the kite red?", "kind": "attribute", "needs": [4]}, \
{"question": "Is the dog left of the kite?", "kind": "relation", "needs": [1, 4]}, \
{"question": "Is it a beach?", "kind": "ground", "needs": []}]}"""
MOST = 32
"""Questions about one request at most."""
BY_RULE = "requests whose questions are made by rule"
_YES_NO = re.compile(r"^(?:is|are|does|do|did|has|have|was|were|can|will)\b.*\?$", re.IGNORECASE | re.DOTALL)


def _known_kind(kind: object) -> object:
    return kind if kind in get_args(QuestionKind) else {"object": "exists", "scene": "ground"}.get(str(kind), "other")


class AskedQuestion(Reply):
    """One question; `needs` are numbers of earlier ones, from 1."""

    question: str
    kind: Annotated[QuestionKind, BeforeValidator(_known_kind)]
    needs: list[int] = Field(default_factory=list)


class AskedQuestions(Reply):
    """The questioner's reply."""

    questions: list[AskedQuestion]


@dataclass(frozen=True, slots=True)
class LanguageQuestioner:
    """Asks by a language model."""

    model: LanguageModel
    name: str

    async def questions(self, query: Query) -> tuple[Question, ...]:
        """The questions of a request; those of the rules, counted, where the model gives none that are of use."""
        messages = [
            Message("system", SYSTEM.format(data_rule=DATA_RULE, example=EXAMPLE)),
            Message("user", quoted("request", query.text)),
        ]
        try:
            asked = in_order((await self.model.reply(messages, AskedQuestions)).questions)
        except ReplyUnusable:
            asked = ()
        if asked:
            return asked
        by_rule = await RuleQuestioner().questions(query)
        if by_rule:
            count(BY_RULE)
        return by_rule


def in_order(asked: Sequence[AskedQuestion]) -> tuple[Question, ...]:
    """Questions as the scorer wants them: yes/no questions, each once, needing only what stands before them."""
    kept: dict[str, Question] = {}
    by_number: dict[int, Question] = {}
    for number, one in enumerate(asked, start=1):
        text = " ".join(one.question.split())
        if not _YES_NO.match(text):
            continue
        same = kept.get(_key(text))
        if same is None and len(kept) < MOST:
            needs = dict.fromkeys(by_number[need].text for need in one.needs if need in by_number)
            same = kept[_key(text)] = Question(text, one.kind, tuple(needs))
        if same is not None:
            by_number[number] = same
    return tuple(kept.values())


def _key(text: str) -> str:
    """What two wordings of one question have in common: case, articles and punctuation do not tell them apart."""
    return " ".join(word for word in re.findall(r"[\w'-]+", text.lower()) if word not in ("a", "an", "the"))
