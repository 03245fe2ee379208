"""The English that the directive family knows: general word lists and a few rules, nothing about any image model.

What a list lacks is never an error: an unknown word is an ordinary adjective or noun to the parser and is kept as said.
"""

from __future__ import annotations

import re


def word_set(text: str) -> frozenset[str]:
    """A set of words from a text."""
    return frozenset(text.split())


COLOURS = word_set(
    "red orange yellow green cyan blue purple pink black white grey gray brown teal turquoise magenta violet "
    "indigo maroon crimson scarlet beige tan ivory cream gold golden silver bronze olive lime navy aqua azure "
    "lavender lilac mauve peach coral salmon khaki amber ruby emerald sapphire burgundy ochre rust charcoal"
)
SIZES = {
    "small": ("small", "little", "tiny", "miniature", "mini"),
    "large": ("large", "big", "huge", "giant", "enormous", "massive"),
}
"""The two sizes that questions are asked about, each with the words that mean it."""
SIZE_OF = {word: size for size, meant in SIZES.items() for word in meant}
_SPELT = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
NUMBERS = {word: number for number, word in enumerate(_SPELT, start=1)}
COUNT_OF = NUMBERS | {"single": 1, "pair": 2, "couple": 2}
ARTICLES = frozenset(("a", "an"))
DETERMINERS = ARTICLES | word_set(
    "the some several many few my his her its our their this that these those another any"
)

PLACES = (
    "top left", "top", "top right",
    "left", "center", "right",
    "bottom left", "bottom", "bottom right",
)  # fmt: skip
"""The nine places of a frame in reading order."""

ATTACHED = word_set(
    "hat cap helmet scarf scarves glasses sunglasses shirt dress coat jacket suit tie shoes boots gloves crown "
    "mask collar hair beard eyes eye ears ear nose mouth tail wings wing horns legs arms hands head face smile "
    "teeth fur feathers windows window doors door roof wheels handle handles lid sail sails leaves flowers "
    "branches petals stripes dots spots pattern buttons backpack bag umbrella sword necklace"
)
"""Things worn or parts of things: "with a hat" says more about its owner, and is no object of its own."""

MANNER_NOUNS = word_set(
    "quality masterpiece edges outlines lines shapes colours colors drawing sketch doodle scribble lighting bokeh "
    "style mood resolution render detail details artstation composition contrast focus hd 4k 8k uhd hdr text "
    "blur watermark realism atmosphere blurriness noise grain"
)
MANNER_WORDS = MANNER_NOUNS | word_set(
    "high low best top good great better well nicely badly clean crisp sharp precise professional careful "
    "carefully drawn done made painted flat detailed highly very ultra intricate award winning award-winning "
    "trending cinematic dramatic moody dreamy soft vintage retro surreal epic grunge textured watercolour "
    "watercolor hand hand-drawn rough quick blurry messy sloppy photorealistic realistic minimal minimalist "
    "abstract beautiful stunning elegant gorgeous simple plain please thanks nothing else exactly mainly on in "
    "of and the for"
)
"""Words of quality, style and mood: a phrase of these alone, without an article, is about manner and no object."""
WELL = re.compile(
    r"\b(?:(?:well|nicely|carefully|beautifully|neatly)[ -](?:drawn|painted|made|done)|(?:drawn|painted|made|done) "
    r"(?:well|nicely|carefully|beautifully|neatly))\b",
    re.IGNORECASE,
)
"""How people ask for a good picture."""

_NOUNS_IN_ING = word_set(
    "building painting ceiling evening morning pudding wedding earring clothing drawing ring king wing thing "
    "string spring swing sling wing offspring duckling seedling sibling railing lightning"
)
_IRREGULAR = {
    "people": "person", "men": "man", "women": "woman", "children": "child", "mice": "mouse", "geese": "goose",
    "feet": "foot", "teeth": "tooth", "leaves": "leaf", "wolves": "wolf", "knives": "knife", "loaves": "loaf",
    "corgis": "corgi", "movies": "movie", "shoes": "shoe", "horses": "horse", "houses": "house", "roses": "rose",
    "vases": "vase", "bicycles": "bicycle", "axes": "axe", "cookies": "cookie", "pies": "pie", "ties": "tie",
}  # fmt: skip
_PLURAL_OF = {one: many for many, one in _IRREGULAR.items()}
_SAME = word_set("sheep fish deer series species glass bus lens compass grass dress cross moss canvas iris cactus")


def is_verb_in_ing(word: str) -> bool:
    """Whether a word reads as a participle: "wearing", but not "ring" or "building"."""
    return word.endswith("ing") and word not in _NOUNS_IN_ING


def singular(noun: str) -> str:
    """The singular of a plural; a word that is singular already stays as it is."""
    if noun in _IRREGULAR:
        return _IRREGULAR[noun]
    if noun in _SAME or noun.endswith(("ss", "us", "is")) or not noun.endswith("s") or len(noun) < 4:
        return noun
    if noun.endswith("ies") and len(noun) > 4:
        return noun[:-3] + "y"
    if noun.endswith(("sses", "shes", "ches", "xes", "zes")):
        return noun[:-2]
    return noun[:-1]


def plural(noun: str) -> str:
    """The plural of a singular: circles, crosses, ladies."""
    if noun in _PLURAL_OF:
        return _PLURAL_OF[noun]
    if noun in ("sheep", "fish", "deer"):
        return noun
    if noun.endswith(("s", "sh", "ch", "x", "z")):
        return noun + "es"
    if noun.endswith("y") and noun[-2:-1] not in tuple("aeiou"):
        return noun[:-1] + "ies"
    return noun + "s"


def article(phrase: str) -> str:
    """`an` before a vowel letter, else `a`."""
    return "an" if phrase[:1].lower() in tuple("aeiou") else "a"


def number_word(count: int) -> str:
    """Two to twelve in words, beyond that in digits."""
    return next((word for word, number in NUMBERS.items() if number == count), str(count))


def is_plural(noun: str) -> bool:
    """Whether a noun reads as a plural."""
    return singular(noun) != noun
