"""What travels between rooms: frozen data without behaviour of its own.

Everything here is small, immutable and comparable, so it can be hashed, stored and sent. Pictures are identified by the
SHA-256 of their stored bytes; a judgement that could not be read is None, never 0.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from PIL.Image import Image

QuestionKind = Literal["exists", "attribute", "count", "size", "relation", "ground", "place", "quality", "other"]


@dataclass(frozen=True, slots=True)
class Query:
    """A person's request, in their own words: all that agents, generators, scorers and bandits ever see of it."""

    id: str
    text: str

    @classmethod
    def of(cls, text: str) -> Query:
        """A query named by the hash of its text."""
        return cls(id=f"q-{short_hash(text)}", text=text)


@dataclass(frozen=True, slots=True)
class Prompt:
    """What an image model is told: the positive text and, where a family uses one, the negative text."""

    text: str
    negative: str = ""


@dataclass(frozen=True, slots=True)
class Instruction:
    """How requests are to be rewritten, in plain English; one arm of the bandit.

    `parent` is the id of the instruction it grew from, `round` the round in which it was born (0 for the start), and
    `reason` the improvement that it answers.
    """

    text: str
    parent: str | None = None
    round: int = 0
    reason: str = ""

    @property
    def id(self) -> str:
        """A name derived from the text alone: the same words are the same instruction."""
        return f"i-{short_hash(self.text)}"

    @property
    def sentences(self) -> tuple[str, ...]:
        """What it is made of; a full stop, question mark, exclamation mark or line break ends a sentence."""
        return tuple(said.strip() for said in re.split(r"(?<=[.!?])\s+|\n+", self.text) if said.strip())


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides a picture, given a model. None leaves a setting at the model's own default."""

    prompt: Prompt
    seed: int
    width: int | None = None
    height: int | None = None
    steps: int | None = None
    guidance: float | None = None
    scheduler: str | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """A finished picture: its stored bytes (PNG), what it was made from and by which model (`Generator.identity`)."""

    png: bytes = field(repr=False)
    recipe: Recipe
    model: str
    _sha256: str | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def sha256(self) -> str:
        """Identity: the hash of the stored bytes, as 64 hex digits; worked out once, since a large picture takes ms."""
        known = self._sha256
        if known is None:
            known = hashlib.sha256(self.png).hexdigest()
            object.__setattr__(self, "_sha256", known)
        return known

    def image(self) -> Image:
        """Decode into an RGB Pillow image, as a viewer shows it.

        The first frame of an animation, turned as its EXIF says, transparency on white, 16 bits scaled to 8.

        Raises:
            OSError: the stored bytes are not a picture, or not a whole one, or have no pixels or far too many.
        """
        from PIL import Image

        try:
            with Image.open(io.BytesIO(self.png)) as opened:
                return _shown(opened)
        except (SyntaxError, ValueError, ArithmeticError, EOFError, Image.DecompressionBombError) as error:
            raise OSError(f"not a picture that can be read: {error}") from error


class Region(NamedTuple):
    """A part of a picture in pixels: left and upper edge, width and height."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Edit:
    """What is to become of a picture.

    `change` says what shall be different, which is all that instruction editors are told; the prompt of `recipe`
    describes the whole finished picture, which is what painting anew needs (empty: `change` stands for it). Where
    `region` is given nothing outside of it and its soft rim changes. `strength` in (0, 1] is how much of the picture
    is given up to be painted anew; None leaves it to the editor.
    """

    picture: Picture
    change: str
    recipe: Recipe
    region: Region | None = None
    strength: float | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """What a path (its place among the recipes) would show if it stopped after this step, counted from 1."""

    path: int
    step: int
    picture: Picture


class Steps(NamedTuple):
    """Denoising steps of one path: carried out, and needed for its picture."""

    spent: int
    needed: int


@dataclass(frozen=True, slots=True)
class Failure:
    """An item of a batch that could not be had: which boundary refused it (as an error's class name) and why."""

    boundary: str
    reason: str


@dataclass(frozen=True, slots=True)
class Question:
    """An atomic yes/no question about a picture.

    It counts only if the questions in `needs` (their texts) were answered yes.
    """

    text: str
    kind: QuestionKind = "other"
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """A vision model's answer: P(yes) in [0, 1], or None with the reason when it could not be read.

    `rung` is how P(yes) was read from a remote model: logprobs, verbal (it said a probability) or words (yes or no);
    empty for models in this process, whose probabilities are their own.
    """

    p_yes: float | None
    reason: str = ""
    rung: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One question with its answer, and where it was asked in two wordings with the answer to the second."""

    question: Question
    answer: Answer
    again: Answer | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """A scorer's judgement of one picture for one query.

    `value` is on the scorer's own scale (HPS v2: cosine x 100; questions: mean of P(yes) - P(no), in [-1, 1]); None
    when nothing could be read. `parts` holds named components, `evidence` the answers behind it, `unanswered` the
    number of those that are missing.
    """

    scorer: str
    value: float | None
    parts: Mapping[str, float] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    unanswered: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chat. Pictures travel as references and are encoded by the client."""

    role: Literal["system", "user", "assistant"]
    content: str
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one chat turn as the endpoint counted them; None where it did not say."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One reply of a chat endpoint, before it is validated.

    `first` has the likeliest first tokens of the reply with their natural logarithms of probability, the one that was
    said among them; empty where they were not asked for or not told.
    """

    text: str
    finish_reason: str = "stop"
    usage: Usage = Usage()
    model: str = ""
    first: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Terms:
    """How a model may be called.

    local: it runs in this process, so a call whose outcome was lost cost nothing. batch: items per planned batch.
    sampling: the same request may be answered differently, so its logical position is part of a call's key.
    max_output_tokens: the longest reply of a chat turn, reserved before the call. Prices are in USD, 0 for local
    models, None when unknown (an error before the first call unless the budget allows it); cached tokens of a request
    whose own price is None cost what the others do.
    """

    local: bool = True
    batch: int = 16
    sampling: bool = False
    max_output_tokens: int = 4096
    price_per_call: float | None = 0.0
    price_per_input_token: float | None = 0.0
    price_per_output_token: float | None = 0.0
    price_per_cached_token: float | None = None


@dataclass(frozen=True, slots=True)
class Spend:
    """What was paid.

    Pictures are drawn and edited results, and paths that were ended early by the share of their steps that was carried
    out (rounded up over a batch); model calls are chat turns and vision answers; scores are counted apart.
    `money_usd` is the known part; `unknown_price` counts calls whose price is not known, `unknown_outcome` remote
    calls whose reply was lost and that stay charged.
    """

    pictures: int = 0
    model_calls: int = 0
    tokens: int = 0
    money_usd: float = 0.0
    seconds: float = 0.0
    scores: int = 0
    unknown_price: int = 0
    unknown_outcome: int = 0


class Interval(NamedTuple):
    """A mean with its 95 % confidence interval; low and high are None when there are too few values to say."""

    mean: float
    low: float | None
    high: float | None


def _shown(image: Image) -> Image:
    """An opened picture in RGB; see `Picture.image`."""
    from PIL import Image, ImageOps

    image.load()
    if not all(image.size):
        raise OSError(f"a picture of {image.width} x {image.height} pixels")
    if image.mode.startswith("I"):  # Pillow's own conversion cuts off all above 255
        image = image.convert("I").point(lambda value: value / 257).convert("L")
    upright = ImageOps.exif_transpose(image)
    if upright.has_transparency_data:
        whole = upright.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", whole.size, "white"), whole).convert("RGB")
    return upright.convert("RGB")


def short_hash(text: str) -> str:
    """Twelve hex digits of SHA-256: enough to name things within a session."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]
