"""Composes a prompt from a request and a style, in one fixed order.

Each object is worded; counted objects are listed; places are invented; objects become clauses; clauses are laid out
with the ground; words of quality and manner are put before or after; the whole is wrapped. Everything asked stays
said: by its words, or, for a relation, by places that fulfil it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from limner.agents.nouns import Relation, Request, Thing
from limner.agents.placing import placed, settles
from limner.agents.style import Style
from limner.agents.wording import listed, phrase, rarer, worded

_WRAPS = {
    "question": ("can you draw ", "?"),
    "polite": ("please draw ", ", thank you"),
    "story": ("once upon a time there was ", ", and everyone came to look"),
}


def compose(request: Request, style: Style) -> str:
    """The prompt for a request; the default style gives the request's own text back."""
    if style == Style():
        return request.text.strip()
    things, relations = _arranged(request, style)
    clauses = _clauses(things, relations, style)
    core = _laid_out(clauses, _ground(request, style), style)
    if style.twice and things and "mainly" not in request.text.lower():
        core = f"{core}, mainly {phrase(things[0])}"
    text = _opened(_with_manner(core, request, style), request, style)
    text = _wrapped(text, style)
    return text.upper() if style.upper else text


def _arranged(request: Request, style: Style) -> tuple[list[Thing], list[Relation]]:
    """Objects worded, listed and placed, with their relations."""
    things, relations = list(request.things), list(request.relations)
    if style.places:
        together = things, relations
        apart = listed(things, relations) if style.each else together
        for some, related in (apart, together):
            seated = placed(some, related)
            if seated is not None:
                things, relations = list(seated), related
                break
    if style.each:
        tied = {index for relation in relations for index in (relation.first, relation.second)}
        things, relations = listed(things, relations, keep=tied)
    return [worded(thing, style, number) for number, thing in enumerate(things)], relations


def _clauses(things: Sequence[Thing], relations: Sequence[Relation], style: Style) -> list[tuple[str, str]]:
    """Clauses, each with the link that was said before it. Objects whose relation is said in words share one."""
    settled = {relation.second for relation in relations if style.places and settles(relation, things)}
    clauses: list[tuple[str, str]] = []
    for at, thing in enumerate(things):
        inline = thing.related and at not in settled and bool(clauses)
        follows = at + 1 < len(things) and things[at + 1].related and at + 1 not in settled
        text = _clause(thing, style, stressed=style.stress and at == 0, joined=inline or follows)
        if inline:
            link, before = clauses[-1]
            clauses[-1] = link, f"{before} {thing.link} {text}"
        else:
            clauses.append(("," if thing.related else thing.link, text))
    return clauses


def _clause(thing: Thing, style: Style, *, stressed: bool, joined: bool) -> str:
    said = phrase(thing)
    said = f"({said})" if stressed else said
    if style.place_first and len(thing.places) == 1 and not joined:
        return f"{thing.places[0]}: {said}"
    return f"{said} {thing.where}" if thing.where else said


def _ground(request: Request, style: Style) -> str:
    """How the ground is said; one is invented only where a style names it and the request sets no scene."""
    said = request.ground
    if said is None:
        scene = any(relation.name == "other" for relation in request.relations)
        return f"on a {style.ground} background" if style.ground and not scene else ""
    words = said.words
    if style.ground and not words.lower().endswith(("background", "backdrop", "ground")) and ":" not in words:
        words = f"on a {said.colour} background"
    return re.sub(r"\ba (?=[aeiou])", "an ", rarer(words)) if style.synonyms else words


def _laid_out(clauses: list[tuple[str, str]], ground: str, style: Style) -> str:
    """Clauses and ground in one string, in the order and with the separators of a style."""
    if style.reverse:
        clauses = [("and", text) for _, text in reversed(clauses)]
    texts = [text for _, text in clauses]
    between = style.separator or (", " if style.clauses else None)
    if between is not None:
        alone = between not in (" and ",)
        body = between.join([*texts, ground] if ground and alone else texts)
        return body if alone or not ground else _grounded(body, ground)
    body = _sentence(texts) if style.plain or style.reverse else _as_said(clauses)
    return _grounded(body, ground) if ground else body


def _sentence(texts: list[str]) -> str:
    return " and ".join(part for part in (", ".join(texts[:-1]), *texts[-1:]) if part)


def _as_said(clauses: list[tuple[str, str]]) -> str:
    body = ""
    for link, text in clauses:
        if not body:
            body = text
        elif link and not link[0].isalpha() and link[0] not in "+&":
            body = f"{body}{link} {text}"
        else:
            body = f"{body} {link} {text}" if link else f"{body}, {text}"
    return body


def _grounded(body: str, ground: str) -> str:
    if not body:
        return ground
    return f"{body} {ground}" if ground.lower().startswith(("on ", "against ", "in front ")) else f"{body}, {ground}"


def _with_manner(core: str, request: Request, style: Style) -> str:
    """Put words of quality and manner, the request's own and those of a style, before or after what is shown."""
    own = () if style.brief else request.manner
    rest = [] if style.brief else list(request.rest)
    said = core.lower()
    present = " ".join((said, *(words.lower() for words in own)))
    quality = [words for words in style.quality if words.lower() not in present]
    manner = [words for words in style.manner if words.lower() not in present]
    before = ", ".join((*own, *quality)) if style.quality_first else ""
    behind = ", ".join((*([] if style.quality_first else (*own, *quality)), *manner))
    outer = style.separator if style.separator not in (None, " and ") else ", "
    return outer.join(part for part in (before, core, *rest, behind) if part)


def _opened(text: str, request: Request, style: Style) -> str:
    """Put the request's medium, and unless a style drops it its chatter, before the text."""
    lead = "" if style.trim or style.plain or style.brief or style.wrap else request.lead
    return " ".join(part for part in (lead, request.medium, text) if part)


def _wrapped(text: str, style: Style) -> str:
    if style.wrap is None:
        return text
    before, behind = _WRAPS[style.wrap]
    return text if text.lower().startswith(before) else f"{before}{text}{behind}"
