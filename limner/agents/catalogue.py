"""The catalogue: plain sentences of instruction, each with the edit that obeys it and the feature that shows it.

Sentences are generic advice about wording, for any image model and any subject; which of them help a model is what
the search finds out. Directives of one slot exclude each other. The order of the table is the order of an
instruction's text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from limner.agents import features as see
from limner.agents.features import Feature, Sight
from limner.agents.style import Style
from limner.types import Instruction, Prompt, Query

Edit = Callable[[Style], Style]


@dataclass(frozen=True, slots=True)
class Directive:
    """One sentence, how it is obeyed and how its effect is recognised."""

    id: str
    sentence: str
    slot: str
    edit: Edit
    feature: Feature

    def present(self, prompt: Prompt, query: Query) -> bool:
        """Whether a prompt for a request shows what this directive asks for, whoever wrote it."""
        return self.feature(Sight.of(prompt, query))


def _choose(**choices: Any) -> Edit:
    return lambda style: replace(style, **choices)


def _quality(*words: str) -> Edit:
    return lambda style: replace(style, quality=_joined(style.quality, words))


def _manner(*words: str) -> Edit:
    return lambda style: replace(style, manner=_joined(style.manner, words))


def _joined(said: tuple[str, ...], words: tuple[str, ...]) -> tuple[str, ...]:
    return (*said, *(word for word in words if word not in said))


def _style_words(name: str, sentence: str, *words: str) -> Directive:
    return Directive(name, sentence, name, _manner(*words), see.says(*words))


def _quality_words(name: str, sentence: str, *words: str, marks: tuple[str, ...] = ()) -> Directive:
    return Directive(name, sentence, name, _quality(*words), see.says(*(marks or words)))


CATALOGUE: tuple[Directive, ...] = (
    # How the whole is laid out.
    Directive("plain", "Describe the picture in one plain sentence.", "layout", _choose(plain=True), see.one_sentence),
    Directive("clauses", "Give each object a clause of its own.", "layout", _choose(clauses=True), see.own_clauses),
    Directive(
        "semicolons", "Separate the parts with semicolons.", "separator", _choose(separator="; "), see.parted_by(";")
    ),
    Directive("commas", "Separate the parts with commas.", "separator", _choose(separator=", "), see.parted_by(",")),
    Directive("stops", "Separate the parts with full stops.", "separator", _choose(separator=". "), see.parted_by(".")),
    Directive(
        "lines", "Write each part on a line of its own.", "separator", _choose(separator="\n"), see.parted_by("\n")
    ),
    Directive(
        "and", "Join all objects with the word 'and'.", "separator", _choose(separator=" and "), see.joined_by_and
    ),
    Directive("reverse", "Name the objects in reverse order.", "order", _choose(reverse=True), see.reversed_order),
    # What is said of objects.
    Directive("each", "List every counted object separately.", "each", _choose(each=True), see.counted_apart),
    Directive("words", "Write numbers as words.", "numbers", _choose(numbers="words"), see.counts_in_words),
    Directive("digits", "Write numbers as digits.", "numbers", _choose(numbers="digits"), see.counts_in_digits),
    Directive(
        "large", "Call every object large unless its size is given.", "size", _choose(size="large"), see.sized("large")
    ),
    Directive(
        "small", "Call every object small unless its size is given.", "size", _choose(size="small"), see.sized("small")
    ),
    Directive(
        "places", "Give every object a place of its own in the frame.", "places", _choose(places=True), see.all_placed
    ),
    Directive(
        "place_first", "Name the place before the object.", "place_first", _choose(place_first=True), see.place_before
    ),
    Directive("articles", "Begin each object with 'a' or 'an'.", "article", _choose(article="a"), see.with_articles),
    Directive("no_articles", "Leave out articles.", "article", _choose(article="none"), see.without_articles),
    Directive("one", "Begin each single object with 'one'.", "article", _choose(article="one"), see.begun_with_one),
    Directive("brief", "Use as few words as possible.", "length", _choose(brief=True), see.shortened),
    Directive("synonyms", "Prefer less common words.", "synonyms", _choose(synonyms=True), see.rare_words),
    Directive("poetic", "Add a poetic adjective to each object.", "poetic", _choose(poetic=True), see.poetic),
    Directive("twice", "Say the main thing twice.", "twice", _choose(twice=True), see.said_twice),
    Directive("stress", "Put the most important object in brackets.", "stress", _choose(stress=True), see.bracketed),
    # The ground and the frame of words around it.
    Directive(
        "white_ground",
        "Name a white background unless another is asked for.",
        "ground",
        _choose(ground="white"),
        see.ground_said("white"),
    ),
    Directive(
        "black_ground",
        "Name a black background unless another is asked for.",
        "ground",
        _choose(ground="black"),
        see.ground_said("black"),
    ),
    Directive(
        "trim", "Leave out words such as 'draw me' or 'a picture of'.", "trim", _choose(trim=True), see.without_chatter
    ),
    Directive("question", "Phrase it as a question.", "wrap", _choose(wrap="question"), see.a_question),
    Directive("polite", "Ask politely.", "wrap", _choose(wrap="polite"), see.says("please", "thank you")),
    Directive(
        "story", "Tell it as the beginning of a story.", "wrap", _choose(wrap="story"), see.says("once upon a time")
    ),
    Directive("capitals", "Write in capital letters.", "case", _choose(upper=True), see.in_capitals),
    # Words of quality.
    _quality_words(
        "crisp",
        "Ask for a clean crisp drawing of high quality.",
        "clean crisp drawing",
        "high quality",
        marks=("clean crisp drawing", "crisp outlines", "clean"),
    ),
    _quality_words(
        "sharp",
        "Ask for high quality and sharp edges.",
        "high quality",
        "sharp edges",
        marks=("sharp edges", "precise shapes"),
    ),
    _quality_words(
        "masterly",
        "Ask for a carefully drawn, professional masterpiece.",
        "masterpiece",
        "carefully drawn",
        "professional",
    ),
    _quality_words("flat", "Ask for flat colours.", "flat colours"),
    _quality_words("detailed", "Ask for fine detail.", "highly detailed", "intricate"),
    Directive(
        "quality_first",
        "Say how it is drawn before what it shows.",
        "quality_first",
        _choose(quality_first=True),
        see.quality_before,
    ),
    # Words of style, mood and camera.
    _style_words("dreamy", "Give it a dreamy mood.", "dreamy", "soft mood"),
    _style_words("cinematic", "Add cinematic lighting.", "cinematic lighting"),
    _style_words("camera", "Add words that photographers use.", "bokeh", "8k"),
    _style_words("old_master", "Ask for the style of an old master.", "in the style of an old master"),
    _style_words("vintage", "Make it look vintage.", "vintage", "retro"),
    _style_words("sketch", "Ask for a rough sketch.", "rough sketch"),
    _style_words("doodle", "Ask for a quick doodle.", "quick doodle"),
    _style_words("watercolour", "Ask for a watercolour.", "watercolour"),
    _style_words("trending", "Add words of praise.", "trending", "award winning"),
    _style_words("exact", "Insist that nothing else is shown.", "nothing else"),
    _style_words("negatives", "Say what is not wanted.", "no text", "no blur"),
)
"""Every sentence that the directive family knows, in the order in which an instruction says them."""

BY_ID = {directive.id: directive for directive in CATALOGUE}
START = Instruction(BY_ID["plain"].sentence)
"""Where a search begins unless told otherwise: plain, and of middling effect."""


def features_of(prompt: Prompt, query: Query) -> frozenset[str]:
    """The ids of all directives whose effect a prompt shows."""
    sight = Sight.of(prompt, query)
    return frozenset(directive.id for directive in CATALOGUE if directive.feature(sight))
