"""Takes requests apart: units are folded, left to right, into objects, relations, the ground, manner and the rest.

Nothing is thrown away: what is no object stands in `manner` (words of quality and style) or in `rest` (what could not
be parsed), as it was said. Any text can be parsed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache

from limner.agents.nouns import Ground, Relation, Request, Thing, is_adjective, noun_phrase
from limner.agents.units import Unit, relation_meant, units
from limner.agents.words import ATTACHED, DETERMINERS, MANNER_WORDS, WELL, word_set

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
_COPULA = re.compile(
    r"(?:^|\s)((?:(?:that|which|it)\s+)?(?:is|are|stands?|standing|sits?|sitting|placed|located|positioned))$", re.I
)
_PRONOUNS = word_set("it them this that him her")


@lru_cache(maxsize=4096)
def parse(text: str) -> Request:
    """Take a request apart; never fails, whatever the text. The latest few thousand are remembered."""
    lead = _LEAD.match(text)
    start = lead.end() if lead and lead.end() < len(text) else 0
    medium = _MEDIUM.match(text, start)
    body = medium.end() if medium and medium.end() < len(text) else start
    fold = _Fold(list(units(text[body:])))
    fold.run()
    return Request(
        text=text,
        lead=" ".join((*text[:start].split(), *fold.chatter)),
        medium=" ".join(text[start:body].split()),
        things=tuple(fold.things),
        relations=tuple(fold.relations),
        ground=fold.ground,
        manner=tuple(fold.manner),
        rest=tuple(fold.rest),
    )


@dataclass(slots=True)
class _Fold:
    """The state of folding: what is done, and what waits for its noun (words, the link before them, a place)."""

    units: list[Unit]
    things: list[Thing] = field(default_factory=list)
    relations: list[Relation] = field(default_factory=list)
    ground: Ground | None = None
    chatter: list[str] = field(default_factory=list)
    manner: list[str] = field(default_factory=list)
    rest: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    link: Unit | None = None
    place: Unit | None = None

    def run(self) -> None:
        for at, unit in enumerate(self.units):
            if unit.kind == "word" or (unit.kind == "link" and self._within(at)):
                self._add(unit)
            elif unit.kind == "place":
                self._locate(unit, at)
            elif unit.kind == "chatter":
                self._close()
                self.chatter.append(unit.words)
            elif unit.kind == "ground":
                self._lay(unit)
            else:
                self._close()
                self._join(unit)
        self._close()
        self._drop_link()
        if self.place is not None:
            self.rest.append(self.place.words)

    def _add(self, unit: Unit) -> None:
        if unit.kind == "word" or unit.words.isalpha():
            self.words.append(unit.words)

    def _within(self, at: int) -> bool:
        """Whether a link stands inside a noun phrase ("black and white cat") or before a part of the last thing."""
        nearest = self.units[at + 1] if at + 1 < len(self.units) else None
        if nearest is None or nearest.kind != "word":
            return False
        if self.units[at].words.lower() == "with" and self.words:
            return self._part_follows(at)
        lower = [word.lower() for word in self.words]
        adjectives = bool(lower) and all(word in DETERMINERS or is_adjective(word) for word in lower)
        return adjectives and is_adjective(lower[-1]) and is_adjective(nearest.words)

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
        self._close()
        names_next = at + 1 < len(self.units) and self.units[at + 1].words.startswith(":")
        if self.things and not names_next:
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
        self._drop_link()
        if self.ground is None:
            self.ground = Ground(unit.meaning, re.sub(r"^(?:and|with)\s+(?=on|against)", "", unit.words))
        else:
            self.rest.append(unit.words)

    def _join(self, unit: Unit) -> None:
        """Remember what links the next thing to this one; a relation says more than a comma before it."""
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
            self.relations.append(Relation(len(self.things) - 1, relation_meant(self.link.words), len(self.things)))
        elif related:
            # "under a tree, a dog": nothing stands before the relation.
            thing, link, related = replace(thing, determiner=f"{link} {thing.determiner}".strip()), "", False
        self.things.append(replace(thing, link=link if self.things else "", related=related))
        self.link = None

    def _refer(self, words: list[str]) -> None:
        """The last thing stands so to the one before it: "a square below it"."""
        assert self.link is not None
        last = self.things[-1]
        tail = " ".join(part for part in (last.tail, self.link.words, *words) if part)
        self.things[-1] = replace(last, tail=tail)
        if len(self.things) > 1:
            self.relations.append(Relation(len(self.things) - 1, relation_meant(self.link.words), len(self.things) - 2))
        self.link = None

    def _set_aside(self, words: list[str], related: bool) -> None:
        said = " ".join(words)
        if related and self.link is not None:
            said = f"{self.link.words} {said}"
        manner = all(word.lower() in MANNER_WORDS for word in words) or "style" in said.lower().split()
        (self.manner if manner or WELL.search(said) else self.rest).append(said)
        self.link = None
