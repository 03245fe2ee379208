"""A remote vision-language model asked yes/no questions: `openai:MODEL` at any OpenAI-compatible endpoint.

How P(yes) is read is a ladder, probed once per endpoint with a red picture: by the logarithms of probability of the
reply's first token, else by a probability that the model says, else by yes or no. Every question is a chat turn, so
the ledger records and charges each by its tokens; a batch's turns are under way together.
"""

from __future__ import annotations

import asyncio
import io
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal, Self

from pydantic import BaseModel, Field, field_validator

from limner.errors import ChatError, ReplayMiss, ReplyLost, ReplyUnusable, RequestRefused
from limner.ledger import position
from limner.llm import OpenAIOptions, Pace, StructuredChat, chat_model
from limner.llm.loop_thread import LoopThread
from limner.llm.structured import PROBE
from limner.protocols import ChatModel
from limner.scoring.answering import LEAST_MASS
from limner.types import Answer, Message, Picture, Prompt, Question, Recipe, Terms

VisionRung = Literal["logprobs", "verbal", "words"]
RUNGS: tuple[VisionRung, ...] = ("logprobs", "verbal", "words")

YES_OR_NO = "{question} Answer with one word: yes or no."
HOW_LIKELY = (
    "Look at the picture. {question}\nHow likely is it that the right answer is yes? Reply with one JSON object: "
    '"percent" is a number from 0 (surely no) to 100 (surely yes); say 50 only if you cannot tell.'
)
TOP_LOGPROBS = 5
"""Alternatives to the first token: as many as every endpoint that tells any is willing to tell."""
ONE_WORD = 16
"""Tokens that a reply of one word may take."""
_PROBED = (Question("Is the picture red?"), Question("Is the picture blue?"))


class SaidChance(BaseModel):
    """A probability in words."""

    percent: float = Field(description="0 is surely no, 100 is surely yes")

    @field_validator("percent")
    @classmethod
    def _in_range(cls, percent: float) -> float:
        if not 0 <= percent <= 100:
            raise ValueError("percent is a number from 0 to 100")
        return percent


class RemoteVision:
    """Answers yes/no questions by a chat endpoint that takes pictures; each `Answer` names its rung."""

    def __init__(self, sure: ChatModel, plain: ChatModel, *, batch: int = 32, loop: LoopThread | None = None) -> None:
        """Take the model twice: as it is asked for logprobs, and as it is asked without.

        `batch` is the number of questions at once; the endpoint's pace may hold more of them back.
        """
        self._sure, self._plain, self._batch = sure, plain, batch
        self._saying = StructuredChat(plain)
        self._loop = loop or LoopThread()
        self._known: VisionRung | None = None

    @property
    def identity(self) -> str:
        """The chat model's: `openai:MODEL@HOST`."""
        return self._plain.identity

    @property
    def terms(self) -> Terms:
        """Remote and sampling; what a question costs is its chat turn's price, so there is none per call."""
        return Terms(local=False, batch=self._batch, sampling=True, price_per_call=None)

    def behind(self, door: Callable[[ChatModel], ChatModel]) -> Self:
        """The same model with its turns through a door."""
        return type(self)(door(self._sure), door(self._plain), batch=self._batch, loop=self._loop)

    def rung(self) -> VisionRung:
        """How P(yes) is read; asked for the first time, the endpoint is probed.

        Raises:
            ChatError: the endpoint does not answer, or takes no pictures.
        """
        return self._loop.run(self._rung)

    def answer(self, asks: Sequence[tuple[Picture, Question]]) -> list[Answer]:
        """P(yes) for each; None with the reason where the reply was refused, lost or neither yes nor no.

        Raises:
            ChatError: the endpoint does not answer at all, or takes no pictures.
            BudgetSpent: a turn does not fit; those before it are recorded.
        """
        return self._loop.run(lambda: self._answers(asks)) if asks else []

    async def _answers(self, asks: Sequence[tuple[Picture, Question]]) -> list[Answer]:
        broken = {
            picture.sha256: _broken(picture) for picture in {picture.sha256: picture for picture, _ in asks}.values()
        }
        await self._rung()
        gate = asyncio.Semaphore(self._batch)
        told = await asyncio.gather(
            *(self._one(picture, question, broken[picture.sha256], gate) for picture, question in asks),
            return_exceptions=True,
        )
        for answer in told:
            if isinstance(answer, BaseException):  # only after the others: what they got is paid for and recorded
                raise answer
        return [answer for answer in told if isinstance(answer, Answer)]

    async def _one(self, picture: Picture, question: Question, broken: str, gate: asyncio.Semaphore) -> Answer:
        if broken:
            return Answer(None, broken)
        rung = await self._rung()
        async with gate:
            try:
                return await self._read(rung, picture, question)
            except (ChatError, ReplyLost) as error:
                return Answer(None, str(error), rung)

    # -- the ladder --------------------------------------------------------------------------------------------------

    async def _rung(self) -> VisionRung:
        if self._known is None:
            with position(PROBE, anew=True):
                self._known = await self._probed()
        return self._known

    async def _probed(self) -> VisionRung:
        red = _red()
        for rung in RUNGS[:-1]:
            try:
                red_is, blue_is = [(await self._read(rung, red, question)).p_yes for question in _PROBED]
            except (RequestRefused, ReplyUnusable, ReplayMiss):  # a refusal is not recorded, so a replay misses it
                continue
            if red_is is not None and blue_is is not None and red_is > blue_is:
                return rung
        try:
            await self._read(RUNGS[-1], red, _PROBED[0])
        except RequestRefused as error:
            raise ChatError(f"{self.identity} cannot be asked about pictures: {error}") from error
        return RUNGS[-1]

    async def _read(self, rung: VisionRung, picture: Picture, question: Question) -> Answer:
        if rung == "verbal":
            wanted = Message("user", HOW_LIKELY.format(question=question.text), (picture,))
            return Answer((await self._saying.reply([wanted], SaidChance)).percent / 100, "", rung)
        message = Message("user", YES_OR_NO.format(question=question.text), (picture,))
        turn = await (self._sure if rung == "logprobs" else self._plain).turn([message])
        if rung == "logprobs" and turn.finish_reason not in ("refusal", "content_filter"):
            return _by_logprobs(turn.first, turn.text)
        return _by_words(turn.text, rung)


def load_remote(model: str, options: OpenAIOptions | None = None, pace: Pace | None = None) -> RemoteVision:
    """The vision model `openai:MODEL`; nothing is sent yet."""
    options = options or OpenAIOptions()
    pace = pace or Pace(options.concurrency)
    one_word = replace(options, top_logprobs=TOP_LOGPROBS, max_output_tokens=min(ONE_WORD, options.max_output_tokens))
    name = f"openai:{model}"
    return RemoteVision(
        chat_model(name, one_word, pace), chat_model(name, options, pace), batch=min(32, options.concurrency)
    )


def _by_logprobs(first: Sequence[tuple[str, float]], text: str) -> Answer:
    """P(yes | yes or no) over all spellings among the likeliest first tokens."""
    chances = {word: sum(math.exp(log) for token, log in first if _word(token) == word) for word in ("yes", "no")}
    both = sum(chances.values())
    if not first:
        return Answer(None, "the endpoint told no logprobs", "logprobs")
    if both < LEAST_MASS:
        return Answer(None, f"yes and no have {both:.3f}, below {LEAST_MASS}: it said {text[:40]!r}", "logprobs")
    return Answer(chances["yes"] / both, "", "logprobs")


def _by_words(text: str, rung: VisionRung) -> Answer:
    """1 or 0, by the first word outside of thoughts."""
    said = re.sub(r"<think>.*?(</think>|$)", "", text, flags=re.DOTALL)
    words = re.findall(r"[A-Za-z']+", said)
    if not words or words[0].lower() not in ("yes", "no"):
        return Answer(None, f"neither yes nor no: {text[:80]!r}", rung)
    return Answer(float(words[0].lower() == "yes"), "", rung)


def _word(token: str) -> str:
    return token.strip(" \n\t▁Ġ.,!\"'*").lower()


def _broken(picture: Picture) -> str:
    """Why a picture cannot be shown; empty if it can."""
    try:
        picture.image()
    except OSError as error:
        return f"the picture cannot be decoded: {error}"
    return ""


def _red() -> Picture:
    from PIL import Image

    stream = io.BytesIO()
    Image.new("RGB", (64, 64), (220, 20, 20)).save(stream, "PNG")
    return Picture(stream.getvalue(), Recipe(Prompt("red"), 0), "probe")
