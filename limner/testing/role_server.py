"""What a sensible language model would say to the agents' prompts, by the directive family's rules.

`sensible_reply` is a reply function for `ChatServer`: it tells the roles apart by their system prompts, reads the data
that the prompts quote, and answers as writer, critic, modifier, questioner or intent checker. Equal requests get equal
replies, so a run over HTTP can be compared with one by rule.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from limner.agents import (
    Contrast,
    DirectiveCritic,
    DirectiveModifier,
    DirectiveWriter,
    Review,
    RuleQuestioner,
    Trial,
    faults,
)
from limner.agents.thinking import checker, critic, modifier, questioner, writer
from limner.agents.thinking.quoting import unquoted
from limner.types import Instruction, Prompt, Query, short_hash

Rows = Sequence[Mapping[str, Any]]


def sensible_reply(body: Mapping[str, Any]) -> str:
    """The reply to a chat completions request of any role; to others, such as probes, the colour that they ask for."""
    system, said = _texts(body)
    for marks, reply in _ROLES:
        if all(mark in system for mark in marks):
            return json.dumps(reply(said), ensure_ascii=False)
    return json.dumps({"colour": "blue"})


def _written(said: str) -> dict[str, Any]:
    locked = cast("list[str]", unquoted("keep_to_the_letter", said) or [])
    return {"prompt": sensible_prompt(_instruction(said), _query(said), locked), "negative": ""}


def sensible_prompt(instruction: Instruction, query: Query, locked: Sequence[str] = ()) -> str:
    """What the directive writer makes of an instruction, but for sentences that would change what was asked for.

    As the writer's system prompt has it: what the person asked for comes first, the instruction after it.
    """

    def written(sentences: Sequence[str]) -> str:
        return DirectiveWriter().explain(Instruction(" ".join(sentences)), query).prompt.text

    def keeps(sentences: Sequence[str]) -> bool:
        return not faults(query.text, written(sentences), locked)

    if keeps(instruction.sentences):
        return DirectiveWriter().explain(instruction, query).prompt.text
    kept: list[str] = []
    for sentence in instruction.sentences:
        if keeps([*kept, sentence]):
            kept.append(sentence)
    return written(kept)


def _criticised(said: str) -> dict[str, Any]:
    review = Review(
        instruction=_instruction(said),
        contrasts=tuple(Contrast(*_pair(row, "this")) for row in _rows(said, "comparisons")),
        history=tuple(trial for row in _rows(said, "earlier") for trial in _pair(row, "worst")),
        tried=tuple(_instructions(said, "tried")),
    )
    limit = int(said.rpartition("Give at most ")[2].split()[0])
    critique = asyncio.run(DirectiveCritic().criticise(replace(review, seed=seed_of(review)), limit))
    return {"weaknesses": list(critique.weaknesses), "improvements": list(critique.improvements)}


def seed_of(review: Review) -> int:
    """A seed that follows from what a critic is told: it tries something else each time, and the same when replayed."""
    said = "\n".join((review.instruction.text, *(instruction.text for instruction in review.tried)))
    return int(short_hash(said)[:7], 16)


def _child(said: str) -> dict[str, Any]:
    improvement = str(unquoted("improvement", said))
    child = asyncio.run(DirectiveModifier().modify(_instruction(said), improvement, _instructions(said, "taken")))
    return {"instruction": child.text if child else None}


def _variants(said: str) -> dict[str, Any]:
    count = int(said.rpartition("Write ")[2].split()[0])
    found = asyncio.run(DirectiveModifier().vary(_instruction(said), count, _instructions(said, "taken")))
    return {"instructions": [one.text for one in found]}


def _asked(said: str) -> dict[str, Any]:
    asked = asyncio.run(RuleQuestioner().questions(_query(said)))
    number = {question.text: place for place, question in enumerate(asked, start=1)}
    return {
        "questions": [
            {"question": one.text, "kind": one.kind, "needs": [number[need] for need in one.needs]} for one in asked
        ]
    }


def _checked(said: str) -> dict[str, Any]:
    return {"lost": [fault.said for fault in faults(_query(said).text, str(unquoted("prompt", said)))]}


def _texts(body: Mapping[str, Any]) -> tuple[str, str]:
    """What the system and what the user said."""
    said: dict[str, list[str]] = {"system": [], "user": [], "assistant": []}
    for message in body["messages"]:
        content = message["content"]
        parts = [content] if isinstance(content, str) else [part.get("text", "") for part in content]
        said[message["role"]] += parts
    return "\n".join(said["system"]), "\n".join(said["user"])


def _instruction(said: str) -> Instruction:
    return Instruction(str(unquoted("instruction", said)))


def _instructions(said: str, tag: str) -> list[Instruction]:
    return [Instruction(text) for text in cast("list[str]", unquoted(tag, said) or [])]


def _query(said: str) -> Query:
    return Query.of(str(unquoted("request", said)))


def _rows(said: str, tag: str) -> Rows:
    return cast("Rows", unquoted(tag, said) or [])


def _pair(row: Mapping[str, Any], name: str) -> tuple[Trial, Trial]:
    """The trial of this name and the best one."""
    query = Query.of(row["request"])
    worse, best = (Trial(query, Prompt(row[key]["prompt"]), row[key]["score"]) for key in (name, "best"))
    return worse, best


def _opening(text: str) -> str:
    """The first sentence of a prompt, before anything is filled in."""
    return text.partition(". ")[0]


_ROLES: tuple[tuple[tuple[str, ...], Callable[[str], dict[str, Any]]], ...] = (
    ((_opening(writer.SYSTEM),), _written),
    ((_opening(critic.SYSTEM),), _criticised),
    ((_opening(modifier.SYSTEM), _opening(modifier.CHILD)), _child),
    ((_opening(modifier.SYSTEM), _opening(modifier.VARIANTS)), _variants),
    ((_opening(questioner.SYSTEM),), _asked),
    ((_opening(checker.SYSTEM),), _checked),
)
"""How each role's system prompt begins, and who answers."""
