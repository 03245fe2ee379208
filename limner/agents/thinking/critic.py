"""The critic's prompt, the shape of its reply, and the critic: the batch-instructed gradient (arXiv 2406.08713).

It sees the worst surviving instruction's prompts and scores beside the best known for the same requests, where wanted
with the pictures themselves, and a bounded digest of earlier rounds, so that its prompt does not grow with the run.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pydantic import Field

from limner.agents.counting import count
from limner.agents.nouns import is_adjective
from limner.agents.parser import parse
from limner.agents.protocols import Contrast, Critique, Review, Trial
from limner.agents.sightings import stem, stems_of
from limner.agents.thinking.quoting import DATA_RULE, quoted
from limner.agents.thinking.replies import Reply
from limner.agents.words import word_set
from limner.errors import ReplyUnusable
from limner.protocols import LanguageModel
from limner.types import Message, Picture

SYSTEM = """\
You are the critic of a text-to-image system. A prompt writer rewrites people's requests into prompts for an image \
model, as an instruction says. Pictures were drawn from the prompts and scored; higher is better, and scores of one \
request can be compared. You find out why the instruction under review does worse than it could, and how it should be \
changed.

You are given:
- <instruction>: the instruction under review.
- <tried>: instructions that were tried already; proposing one of them again is no use.
- <earlier>: for some requests of earlier rounds, the best and the worst prompt so far.
- <comparisons>: for each request of this round the prompt that came from the instruction ("this") and the best one \
known ("best"), each with its score.

How to proceed:
1. Compare "this" with "best" in each comparison: word order, separators, what is said of each object, numbers, \
places, the background, words of quality and style, length. Scores are noisy, so trust what recurs over \
several requests.
2. Name the weaknesses of the instruction in general terms. Never speak of the subject of a request: what you say must \
hold for every request that anybody may ever make.
3. Propose improvements, each a single change to the instruction in one short sentence in the imperative, such as \
"Separate the parts with commas." or "Ask for sharp edges." To take something away, begin with "Drop:". Each is tried \
by itself, so they must differ from each other, the most promising first. Never propose to change what a person asked \
for.
4. {data_rule}

Reply with one JSON object: "weaknesses" is a list of sentences, "improvements" a list of sentences without numbers."""
LIMIT = "Give at most {limit} improvements."
SHOWN = 'The pictures follow in the order of the comparisons, each time first that of "this", then that of "best".'
MOST_TRIED, MOST_EARLIER, MOST_CONTRASTS, MOST_SEEN = 16, 12, 8, 3
"""How much of a run is shown: instructions, earlier requests, comparisons, comparisons with their pictures."""
_GENERAL = word_set(
    "object thing picture image scene part word detail shape colour size place position background foreground ground "
    "style light lighting shadow edge line outline texture mood camera view angle frame corner side clause sentence "
    "phrase number count name text quality adjective noun comma semicolon drawing painting photo photograph person "
    "people subject order description prompt request"
)
_NUMBERED = re.compile(r"^\s*(?:[-*•]|\(?\d+[.):]?\)?(?=\s))\s*")


class CritiqueReply(Reply):
    """The critic's reply."""

    weaknesses: list[str] = Field(default_factory=list)
    improvements: list[str]


@dataclass(frozen=True, slots=True)
class LanguageCritic:
    """Criticises by a language model; `sees` says whether it is shown pictures, which needs a model that can see."""

    model: LanguageModel
    name: str
    sees: bool = False

    async def criticise(self, review: Review, limit: int = 3) -> Critique:
        """Name weaknesses and improvements; none if the model gave no reply that is of use, which is counted."""
        seen = shown(review)
        try:
            reply = await self.model.reply(messages(seen, limit, sees=self.sees), CritiqueReply)
        except ReplyUnusable:
            count("critic replies of no use")
            return Critique()
        subjects = _subjects(seen)
        improvements = [one for one in _tidied(reply.improvements) if not _speaks_of(one, subjects)]
        return Critique(tuple(_tidied(reply.weaknesses)), tuple(improvements[:limit]))


def shown(review: Review) -> Review:
    """The part of a review that the model is shown: a bounded digest, rewards to three decimals."""
    return Review(
        instruction=review.instruction,
        contrasts=tuple(_rounded_pair(pair) for pair in review.contrasts[:MOST_CONTRASTS]),
        history=tuple(_digest(review)),
        tried=review.tried[-MOST_TRIED:],
    )


def messages(review: Review, limit: int, *, sees: bool = False) -> list[Message]:
    """What is sent: what stays the same first, this round's last."""
    told = [
        quoted("instruction", review.instruction.text),
        quoted("tried", [instruction.text for instruction in review.tried]),
        quoted("earlier", [_pair("worst", worst, best) for worst, best in _pairs(review.history)]),
        quoted("comparisons", [_pair("this", pair.worst, pair.best) for pair in review.contrasts]),
        LIMIT.format(limit=limit),
    ]
    pictures = tuple(_pictures(review)) if sees else ()
    if pictures:
        told.append(SHOWN)
    return [Message("system", SYSTEM.format(data_rule=DATA_RULE)), Message("user", "\n".join(told), pictures)]


def _digest(review: Review) -> Iterator[Trial]:
    """For the requests whose prompts differed most in reward, the worst and the best one."""
    by_query: dict[str, list[Trial]] = defaultdict(list)
    for trial in review.history:
        by_query[trial.query.text].append(_rounded(trial))
    ends = [
        (min(trials, key=lambda trial: trial.reward), max(trials, key=lambda trial: trial.reward))
        for trials in by_query.values()
    ]
    differing = sorted(
        (pair for pair in ends if pair[0].reward < pair[1].reward), key=lambda p: p[0].reward - p[1].reward
    )
    for pair in differing[:MOST_EARLIER]:
        yield from pair


def _pairs(history: Sequence[Trial]) -> Iterator[tuple[Trial, Trial]]:
    return zip(history[::2], history[1::2], strict=True)


def _rounded(trial: Trial) -> Trial:
    return replace(trial, reward=round(trial.reward, 3))


def _rounded_pair(pair: Contrast) -> Contrast:
    return Contrast(_rounded(pair.worst), _rounded(pair.best))


def _pair(name: str, worse: Trial, better: Trial) -> dict[str, object]:
    return {"request": worse.query.text, name: _trial(worse), "best": _trial(better)}


def _trial(trial: Trial) -> dict[str, object]:
    return {"prompt": trial.prompt.text, "score": trial.reward}


def _pictures(review: Review) -> Iterator[Picture]:
    """The pictures of the first comparisons that have both of theirs, so that their order can be told."""
    for pair in review.contrasts[:MOST_SEEN]:
        if pair.worst.picture is None or pair.best.picture is None:
            return
        yield pair.worst.picture
        yield pair.best.picture


def _subjects(review: Review) -> frozenset[str]:
    """What the requests are about, as stems: words that no instruction may name."""
    things = (thing for pair in review.contrasts for thing in parse(pair.worst.query.text).things)
    nouns = {stem(thing.noun) for thing in things if not is_adjective(thing.noun)}
    return frozenset(nouns - {stem(word) for word in _GENERAL} - stems_of(review.instruction.text))


def _speaks_of(improvement: str, subjects: frozenset[str]) -> bool:
    words = re.findall(r"[\w'’-]+", improvement)
    return any(stem(word) in subjects for word in words)


def _tidied(sentences: Sequence[str]) -> list[str]:
    said = (" ".join(_NUMBERED.sub("", sentence).split()) for sentence in sentences)
    return list(dict.fromkeys(sentence for sentence in said if sentence))
