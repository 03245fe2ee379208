"""A small noun-phrase parser for image requests: objects, how they are linked, the ground, and what is said of manner.

The head of a phrase is its last noun-like word before a preposition or a comma. Nothing is thrown away: what is no
object stands in `manner` (words of quality and style) or in `rest` (what could not be parsed), as it was said.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from limner.agents.units import RelationName, Unit, units
from limner.agents.words import (
    ATTACHED,
    COLOURS,
    COUNT_OF,
    DETERMINERS,
    MANNER_NOUNS,
    MANNER_WORDS,
    SIZE_OF,
    WELL,
    is_verb_in_ing,
)


@dataclass(frozen=True, slots=True)
class Thing:
    """One object of a request as it was said.

    `modifiers` stand between determiner and noun in the order said; `tail` is what follows the noun; `places` are canonical
    and `where` says them as they were said; `link` joins it to the object before, and is a relation if `related`.
    """

    noun: str
    modifiers: tuple[str, ...] = ()
    determiner: str = ""
    count: int | None = None
    tail: str = ""
    places: tuple[str, ...] = ()
    where: str = ""
    link: str = ""
    related: bool = False

    @property
    def colour(self) -> str | None:
        """The first colour said, in lower case."""
        return next((word.lower() for word in self.modifiers if is_colour(word)), None)

    @property
    def size(self) -> str | None:
        """`small` or `large` if a word that means it was said."""
        return next((SIZE_OF[word.lower()] for word in self.modifiers if word.lower() in SIZE_OF), None)


class Relation(NamedTuple):
    """Object `first` stands `name` object `second` (indices into `Request.things`)."""

    first: int
    name: RelationName
    second: int


@dataclass(frozen=True, slots=True)
class Ground:
    """The colour asked for the ground, and the words that asked."""

    colour: str
    words: str


@dataclass(frozen=True, slots=True)
class Request:
    """A request taken apart. `lead` is chatter ("draw me a picture of"), `medium` such as "an oil painting of"."""

    text: str
    lead: str = ""
    medium: str = ""
    things: tuple[Thing, ...] = ()
    relations: tuple[Relation, ...] = ()
    ground: Ground | None = None
    manner: tuple[str, ...] = ()
    rest: tuple[str, ...] = ()

    @property
    def asks_quality(self) -> bool:
        """Whether the request itself says that the picture shall be drawn well."""
        return WELL.search(self.text) is not None


_LEAD = re.compile(
    r"\s*(?:(?:please|hello|hey|hi|(?:can|could|would|will)\s+you|i\s+want|i'd\s+like|i\s+would\s+like|i\s+need|we\s+need|"
    r"we\s+want|there\s+(?:should|must)\s+be|there\s+(?:is|are)|something\s+with|just|draw|paint|make|show|create|generate|give|"
    r"me|us|to\s+see|(?:(?:a|an|the)\s+)?(?:picture|image|drawing)\s+(?:of|with|showing|that\s+shows))\b[\s,:]*)+",
    re.IGNORECASE,
)
_MEDIUM = re.compile(
    r"\s*(?:(?:a|an|the)\s+)?(?:[\w-]+\s+){0,3}?(?:photo|photograph|painting|sketch|illustration|watercolou?r|render|portrait|"
    r"poster|icon|logo|cartoon|scene)\s+of\b\s*",
    re.IGNORECASE,
)
_ENDS_PHRASE = frozenset(
    "with of for from by into through across along without like as at in on to is are was were that which who whose has have "
    "had while when where being made doing so but or than".split()
)
_NO_OBJECT_FIRST = frozenset(
    "no not without in on at of for by from as to like with it they both each everything nothing all only write draw "
    "make use ignore add say describe put keep give show do follow output drawn painted done made rendered".split()
)
_COPULA = re.compile(r"(?:^|\s)((?:(?:that|which|it)\s+)?(?:is|are|stands?|standing|sits?|sitting|placed|located|positioned))$", re.I)
_TRAILING = frozenset("please thanks too also here there together".split())
_PRONOUNS = frozenset("it them this that him her".split())
_SHADES = frozenset("light dark pale bright deep".split())


def parse(text: str) -> Request:
    """Take a request apart; never fails, whatever the text."""
    lead = _LEAD.match(text)
    start = lead.end() if lead and lead.end() < len(text) else 0
    medium = _MEDIUM.match(text, start)
    body = medium.end() if medium and medium.end() < len(text) else start
    fold = _Fold(list(units(text[body:])))
    fold.run()
    return Request(
        text=text,
        lead=" ".join(text[:start].split()),
        medium=" ".join(text[start:body].split()),
        things=tuple(fold.things),
        relations=tuple(fold.relations),
        ground=fold.ground,
        manner=tuple(fold.manner),
        rest=tuple(fold.rest),
    )


def is_colour(modifier: str) -> bool:
    """Whether a modifier is a colour: "red", "light blue", "black and white"."""
    return modifier.lower().rsplit(" ", 1)[-1] in COLOURS


def noun_phrase(words: list[str]) -> Thing | None:
    """Read words as a noun phrase with whatever follows it; None if they name no object."""
    start = _after_determiner(words)
    end = _end_of_phrase(words, start)
    run = words[start:end]
    while run and run[-1].lower() in _TRAILING:
        run, end = run[:-1], end - 1
    run = _noun_last(run)
    if not run or (start == 0 and words[0].lower() in _NO_OBJECT_FIRST) or _is_manner(words[:start], run):
        return None
    if start == 0 and all(word.lower() in COLOURS or word.lower() in SIZE_OF for word in run):
        return None
    counts = [_count(word) for word in words[:start]]
    return Thing(
        noun=run[-1],
        modifiers=tuple(_merged(run[:-1])),
        determiner=" ".join(words[:start]),
        count=next((count for count in reversed(counts) if count), None),
        tail=" ".join(words[end:]),
    )


def _after_determiner(words: list[str]) -> int:
    start = 0
    while start < len(words) - 1 and _leads(words, start):
        start += 1
    return start


def _leads(words: list[str], at: int) -> bool:
    word = words[at].lower()
    if word == "of":
        return at > 0 and words[at - 1].lower() in ("pair", "couple")
    return word in DETERMINERS or _count(word) is not None or word in ("exactly", "only", "just", "couple", "of")


def _count(word: str) -> int | None:
    if word.lower() == "couple":
        return 2
    return int(word) if word.isascii() and word.isdigit() and len(word) < 4 else COUNT_OF.get(word.lower())


def _end_of_phrase(words: list[str], start: int) -> int:
    """Where the noun phrase ends: at a preposition or verb that follows something noun-like."""
    for at in range(start, len(words)):
        word = words[at].lower()
        if word in _ENDS_PHRASE:
            return at
        named = any(not _adjective(w) for w in words[start:at])
        if named and (is_verb_in_ing(word) or (word.endswith("ed") and len(word) > 4 and _followed(words, at))):
            return at
    return len(words)


def _followed(words: list[str], at: int) -> bool:
    return at + 1 < len(words) and words[at + 1].lower() in _ENDS_PHRASE | {"with", "by"}


def _adjective(word: str) -> bool:
    return word.lower() in COLOURS or word.lower() in SIZE_OF or word.lower() in _SHADES or is_verb_in_ing(word.lower())


def _noun_last(run: list[str]) -> list[str]:
    """Put colours and sizes said after the noun before it: "circle red" is "red circle"."""
    end = len(run)
    while end > 0 and (run[end - 1].lower() in COLOURS or run[end - 1].lower() in SIZE_OF):
        end -= 1
    if end in (0, len(run)):
        return run
    return [*run[end:], *run[:end]]


def _is_manner(leaders: list[str], run: list[str]) -> bool:
    lower = [word.lower() for word in run]
    bare = all(word.lower() in ("a", "an", "the") for word in leaders)
    plain = all(word in MANNER_WORDS for word in lower)
    return bare and plain and (not leaders or lower[-1] in MANNER_NOUNS)


def _merged(modifiers: list[str]) -> list[str]:
    """Join what is one colour: "light blue", "black and white"."""
    merged: list[str] = []
    for word in modifiers:
        joins = merged and (merged[-1].lower() in _SHADES or merged[-1].lower().endswith(" and")) and word.lower() in COLOURS
        if joins or (merged and word.lower() == "and"):
            merged[-1] = f"{merged[-1]} {word}"
        else:
            merged.append(word)
    return merged


@dataclass(slots=True)
class _Fold:
    """Folds units into things, left to right."""

    units: list[Unit]
    things: list[Thing] = field(default_factory=list)
    relations: list[Relation] = field(default_factory=list)
    ground: Ground | None = None
    manner: list[str] = field(default_factory=list)
    rest: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    link: Unit | None = None
    place: Unit | None = None
    open: bool = False

    def run(self) -> None:
        for at, unit in enumerate(self.units):
            if unit.kind == "word" or (unit.kind == "link" and self._within(at)):
                self._add(unit)
            elif unit.kind == "place":
                self._locate(unit, at)
            elif unit.kind == "ground":
                self._lay(unit)
            else:
                self._close()
                self._join(unit)
        self._close()
        self._drop_link()

    def _add(self, unit: Unit) -> None:
        if unit.kind == "word":
            self.words.append(unit.words)
        elif unit.words.isalpha():
            self.words.append(unit.words)

    def _within(self, at: int) -> bool:
        """Whether a link stands inside a noun phrase ("black and white cat") or before a part of the last thing."""
        nearest = self.units[at + 1] if at + 1 < len(self.units) else None
        if nearest is None or nearest.kind != "word":
            return False
        if self.units[at].words.lower() == "with" and self.words:
            return self._part_follows(at)
        lower = [word.lower() for word in self.words]
        adjectives = bool(lower) and all(word in DETERMINERS or _adjective(word) for word in lower)
        return adjectives and _adjective(lower[-1]) and _adjective(nearest.words)

    def _part_follows(self, at: int) -> bool:
        phrase: list[str] = []
        for unit in self.units[at + 1 :]:
            if unit.kind != "word":
                break
            phrase.append(unit.words)
        thing = noun_phrase(phrase) if phrase else None
        return thing is not None and thing.noun.lower() in ATTACHED

    def _locate(self, unit: Unit, at: int) -> None:
        """A place belongs to the thing before it, or, when it stands first in its clause, to the one after."""
        self.open = self.open or bool(self.words)
        self._close()
        names_next = at + 1 < len(self.units) and self.units[at + 1].words.startswith(":")
        if self.things and (self.open or not names_next) and not (self.link and names_next):
            self._put(unit)
        elif self.place is None:
            self.place = unit
        else:
            self.rest.append(unit.words)

    def _put(self, unit: Unit) -> None:
        thing = self.things[-1]
        between = self.link.words if self.link else ""
        self.link = None
        copula = _COPULA.search(thing.tail)
        tail = thing.tail[: copula.start()] if copula else thing.tail
        where = " ".join(part for part in (thing.where, between, copula[1] if copula else "", unit.words) if part)
        where = re.sub(r"\s+([,;.])", r"\1", where)
        self.things[-1] = replace(thing, places=(*thing.places, unit.meaning), where=where, tail=tail)

    def _lay(self, unit: Unit) -> None:
        self._close()
        self.link = None
        if self.ground is None:
            self.ground = Ground(unit.meaning, re.sub(r"^(?:and|with)\s+(?=on|against)", "", unit.words))
        else:
            self.rest.append(unit.words)

    def _join(self, unit: Unit) -> None:
        """Remember what links the next thing to this one; a relation says more than a comma before it."""
        self.open = False
        if self.link is not None and self.link.kind == "relation":
            self._drop_link()
        if unit.kind == "relation" or self.link is None:
            self.link = unit

    def _drop_link(self) -> None:
        """Keep the words of a relation to nothing."""
        if self.link is not None and self.link.kind == "relation":
            if self.things:
                last = self.things[-1]
                self.things[-1] = replace(last, tail=f"{last.tail} {self.link.words}".strip())
            else:
                self.rest.append(self.link.words)
        self.link = None

    def _close(self) -> None:
        """Turn the words at hand into a thing, or keep them as manner or rest."""
        words, self.words = self.words, []
        if not words:
            return
        related = self.link is not None and self.link.kind == "relation"
        if related and self.things and words[0].lower() in _PRONOUNS:
            self._refer(words)
            return
        thing = noun_phrase(words)
        if thing is None:
            self._set_aside(words, related)
            return
        if self.place is not None:
            thing = replace(thing, places=(self.place.meaning,), where=self.place.words)
            self.place = None
        self._append(thing, related)

    def _append(self, thing: Thing, related: bool) -> None:
        link = self.link.words if self.link else ""
        if related and self.things and self.link is not None:
            last = self.things[-1]
            copula = _COPULA.search(last.tail)
            if copula:
                self.things[-1] = replace(last, tail=last.tail[: copula.start()])
                link = f"{copula[1]} {link}"
            self.relations.append(Relation(len(self.things) - 1, relation(self.link), len(self.things)))
        elif related:
            # "under a tree, a dog": nothing stands before the relation.
            thing, link, related = replace(thing, determiner=f"{link} {thing.determiner}".strip()), "", False
        self.things.append(replace(thing, link=link if self.things else "", related=related))
        self.link = None

    def _refer(self, words: list[str]) -> None:
        """ "a square below it": the last thing stands so to the one before it."""
        assert self.link is not None
        last = self.things[-1]
        tail = " ".join(part for part in (last.tail, self.link.words, *words) if part)
        self.things[-1] = replace(last, tail=tail)
        if len(self.things) > 1:
            self.relations.append(Relation(len(self.things) - 1, relation(self.link), len(self.things) - 2))
        self.link = None

    def _set_aside(self, words: list[str], related: bool) -> None:
        said = " ".join(words)
        if related and self.link is not None:
            said = f"{self.link.words} {said}"
        manner = all(word.lower() in MANNER_WORDS for word in words) or "style" in said.lower().split()
        (self.manner if manner or WELL.search(said) else self.rest).append(said)
        self.link = None


def relation(unit: Unit) -> RelationName:
    """The meaning of a unit of kind relation."""
    meaning = unit.meaning
    assert meaning in ("left of", "right of", "above", "below", "beside", "other"), unit
    return meaning  # type: ignore[return-value]
