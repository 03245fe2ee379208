import asyncio
import json
from typing import Literal

import pytest
from pydantic import BaseModel, Field

from limner.errors import ChatError, ReplyLost, RequestRefused
from limner.llm import StructuredChat
from limner.llm.formats import strict_schema
from limner.testing.fakes import ChatFromCallable
from limner.types import Message, Turn, Usage


class Part(BaseModel):
    name: str
    default: int = 3


class Critique(BaseModel):
    weaknesses: list[str]
    parts: list[Part] = Field(default_factory=list, description="what it is made of")
    tone: Literal["kind", "plain"] = "plain"


ASKED = [Message("system", "Be brief."), Message("user", "What is wrong?")]
GOOD = json.dumps({"weaknesses": ["no places"], "parts": [], "tone": "kind"})


def asked(*replies):
    """The outcome of a reply, and the log of what the chat model was asked."""
    left = iter(replies)

    def say(_messages, _schema):
        reply = next(left)
        if isinstance(reply, Exception):
            raise reply
        return reply

    chat = ChatFromCallable(say, "fake")
    return chat, lambda: asyncio.run(StructuredChat(chat).reply(ASKED, Critique))


def test_a_fitting_reply_is_returned_from_one_turn():
    chat, reply = asked(GOOD)
    assert reply() == Critique(weaknesses=["no places"], tone="kind")
    assert chat.log.calls == 1


def test_the_schema_goes_along_in_its_strict_form():
    schemas = []
    chat = ChatFromCallable(lambda _, schema: schemas.append(schema) or GOOD)
    asyncio.run(StructuredChat(chat).reply(ASKED, Critique))
    (schema,) = schemas
    assert schema["required"] == ["weaknesses", "parts", "tone"]
    assert schema["additionalProperties"] is False
    assert schema["title"] == "Critique"
    assert schema["$defs"]["Part"]["required"] == ["name", "default"]
    assert schema["$defs"]["Part"]["additionalProperties"] is False
    assert "default" not in schema["properties"]["tone"]
    json.dumps(schema)


def test_references_stand_alone():
    class Whole(BaseModel):
        part: Part = Field(description="described", default=Part(name="x"))

    assert strict_schema(Whole)["properties"]["part"] == {"$ref": "#/$defs/Part"}


def test_the_last_object_that_fits_is_the_answer():
    draft, aside = GOOD.replace("no places", "draft"), '{"note": "done"}'
    _, reply = asked(f"Draft: {draft}\nFinal: {GOOD}\n{aside}")
    assert reply().weaknesses == ["no places"]


@pytest.mark.parametrize("first", ["I would say: no places.", '{"weaknesses": "none"}', "[]", '{"weaknesses": ['])
def test_a_reply_that_does_not_fit_is_repaired_once(first):
    chat, reply = asked(first, GOOD)
    assert reply().weaknesses == ["no places"]
    assert chat.log.calls == 2
    again = chat.log.batches[1]
    assert list(again[:2]) == ASKED
    assert again[2] == Message("assistant", first)
    assert again[3].role == "user"
    assert '"weaknesses"' in again[3].content


def test_the_repair_says_what_was_wrong():
    chat, reply = asked('{"weaknesses": "none", "tone": "rude"}', GOOD)
    reply()
    problem = chat.log.batches[1][3].content
    assert "weaknesses: Input should be a valid list" in problem
    assert "tone: Input should be 'kind' or 'plain'" in problem


def test_a_second_misfit_is_an_error_that_says_what_came():
    _, reply = asked("nonsense", "more nonsense")
    with pytest.raises(ChatError, match=r"fake gave no Critique, asked twice: it holds no JSON object.*more nonsense"):
        reply()


@pytest.mark.parametrize(
    ("turn", "message"),
    [
        (Turn("I will not", "refusal"), r"refused.*I will not"),
        (Turn("", "content_filter"), "refused"),
        (Turn('{"weaknesses": [', "length", Usage(10, 64)), r"cut off after 64 tokens.*max_output_tokens"),
        (Turn("  \n"), "empty reply"),
    ],
)
def test_what_is_no_answer_is_an_error_without_another_turn(turn, message):
    chat, reply = asked(turn)
    with pytest.raises(ChatError, match=message):
        reply()
    assert chat.log.calls == 1


def test_a_refused_repair_is_an_error_too():
    _, reply = asked("hm", Turn("no", "refusal"))
    with pytest.raises(ChatError, match="refused"):
        reply()


@pytest.mark.parametrize("error", [ChatError("no key"), ReplyLost("timeout")])
def test_agents_see_one_kind_of_error(error):
    _, reply = asked(error, error)
    with pytest.raises(ChatError, match=str(error)):
        reply()


def test_a_lost_reply_is_asked_for_once_more():
    chat, reply = asked(ReplyLost("timeout"), GOOD)
    assert reply().weaknesses == ["no places"]
    assert chat.log.calls == 2


def test_a_schema_that_an_endpoint_refuses_is_told_in_words():
    chat, reply = asked(RequestRefused("no such grammar"), GOOD)
    assert reply().weaknesses == ["no places"]
    system, *others = chat.log.batches[1]
    assert system.content.startswith("Be brief.\n\n")
    assert '"weaknesses"' in system.content
    assert others == ASKED[1:]
