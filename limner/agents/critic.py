"""The directive critic: finds from prompts and scores alone which sentence to add, drop or replace.

It estimates what every feature of wording is worth within queries, proposes the changes whose gain is beyond its
standard error, best first, and spends what is left of its proposals on changes that a draw from the posterior
favours: the less is known, the more it tries. It never speaks of a subject.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

import numpy as np

from limner.agents.catalogue import CATALOGUE
from limner.agents.effects import Effects, Estimate, effects
from limner.agents.protocols import Critique, Review
from limner.agents.sentences import LONGEST, Change, Reading, changed, read


@dataclass(frozen=True, slots=True)
class DirectiveCritic:
    """Contrasts prompts by their features."""

    name: str = "directives"

    async def criticise(self, review: Review, limit: int = 3) -> Critique:
        """Name weaknesses with numbers, and at most `limit` improvements that lead to instructions not tried yet."""
        found = effects(review.history, review.contrasts)
        open_changes = _open_changes(review, found)
        evident = [change for change in open_changes if _is_evident(change, _worth(found, change))]
        evident.sort(key=lambda change: -_worth(found, change).mean)
        chosen = evident[:limit]
        drawn = found.drawn(np.random.default_rng(review.seed))
        others = [change for change in open_changes if change not in chosen]
        others.sort(key=lambda change: -_worth(drawn, change).mean)
        improvements = [*chosen, *others[: limit - len(chosen)]]
        weaknesses = [*_gap(review), *(_weakness(change, _worth(found, change)) for change in chosen)]
        return Critique(tuple(weaknesses), tuple(str(change) for change in improvements))


def _open_changes(review: Review, found: Effects) -> list[Change]:
    """Every single change that leads to an instruction not yet tried."""
    reading = read(review.instruction.text)
    tried = {(r.ids, r.unknown) for r in (read(instruction.text) for instruction in review.tried)}
    tried.add((reading.ids, reading.unknown))
    children = ((change, changed(reading, change)) for change in _changes(reading, found))
    return [change for change, child in children if child.known and (child.ids, child.unknown) not in tried]


def _changes(reading: Reading, found: Effects) -> list[Change]:
    """Drops of what is there, and adds of what is not; in a full instruction the least useful sentence makes room."""
    known = list(reading.known)
    changes = [Change(drop=directive) for directive in known]
    by_slot = {directive.slot: directive for directive in known}
    least = min(known, key=lambda directive: found.of([directive.id]).mean, default=None)
    for directive in CATALOGUE:
        if directive.id in reading.ids:
            continue
        displaced = by_slot.get(directive.slot) or (least if len(known) >= LONGEST else None)
        changes.append(Change(add=directive, drop=displaced))
    return changes


def _worth(found: Effects, change: Change) -> Estimate:
    return found.of([change.add.id] if change.add else [], [change.drop.id] if change.drop else [])


def _is_evident(change: Change, worth: Estimate) -> bool:
    """Whether a gain is beyond its error; a sentence that has not shown its worth goes without proof of harm."""
    return worth.mean > (worth.error if change.add else 0.0)


def _gap(review: Review) -> list[str]:
    """How far the reviewed prompts fall behind the best known ones."""
    if not review.contrasts:
        return []
    gap = fmean(pair.best.reward - pair.worst.reward for pair in review.contrasts)
    return [f"Its prompts score {gap:.2f} below the best known for the same {len(review.contrasts)} requests."]


def _weakness(change: Change, worth: Estimate) -> str:
    figure = f"{worth.mean:.2f} ± {worth.error:.2f}"
    add, drop = (directive.sentence if directive else "" for directive in (change.add, change.drop))
    if add and drop:
        return f"Prompts that show “{add}” rather than “{drop}” score {figure} higher for the same request."
    if add:
        return f"Prompts that show “{add}” score {figure} higher for the same request, and it does not ask for it."
    return f"Prompts that show “{drop}” score {figure} lower for the same request."
