"""Questions about what was read in a picture, and how right the replies to them are, kind by kind.

Every kind is asked once where the answer is yes and once where it is no, and a kind's figure is the mean of the two
shares of right replies (balanced accuracy): whoever always says the same gets one half.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from limner.microworld.law import Constraint, Kind, Scene
from limner.microworld.oracle import Reading
from limner.microworld.questions import KINDS, draw_question

BINS = 10
"""Bins of P(yes) for the calibration error."""


class Reply(NamedTuple):
    """What a judge said to a question of some kind whose truth is known; None: unclear, which is never right."""

    kind: Kind
    truth: bool
    said: bool | None


def as_scene(reading: Reading) -> Scene:
    """What was read, as a scene to ask about; what was unclear is not in it."""
    return Scene(reading.things, reading.ground or "", reading.well is True)


def as_reading(scene: Scene) -> Reading:
    """A scene as somebody reads it who sees everything."""
    cells = {thing.cell: thing for thing in scene.things}
    return Reading(tuple(cells.get(cell) for cell in range(9)), scene.ground, scene.well)


def draw_questions(scene: Scene, rng: np.random.Generator) -> list[Constraint]:
    """For every kind a constraint that holds in the scene and one that does not, where the scene offers them."""
    drawn = (draw_question(rng, scene, kind, yes) for kind in KINDS for yes in (True, False))
    return [constraint for constraint in drawn if constraint is not None]


def balanced(replies: Sequence[Reply]) -> dict[str, Any]:
    """Balanced accuracy `by_kind`, its `min`, and the number of `questions`.

    A kind that was only asked where the answer is yes, or no, has the share of right replies to those; one that was
    not asked has no entry, and `min` is None when nothing was asked.
    """
    right: defaultdict[Kind, defaultdict[bool, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for reply in replies:
        right[reply.kind][reply.truth].append(reply.said is reply.truth)
    by_kind = {kind: float(np.mean([np.mean(side) for side in right[kind].values()])) for kind in KINDS if right[kind]}
    return {"min": min(by_kind.values(), default=None), "by_kind": by_kind, "questions": len(replies)}


def unclear(replies: Sequence[Reply]) -> dict[str, float]:
    """Share of unclear replies by kind."""
    said: defaultdict[Kind, list[bool]] = defaultdict(list)
    for reply in replies:
        said[reply.kind].append(reply.said is None)
    return {kind: float(np.mean(said[kind])) for kind in KINDS if kind in said}


def share(flags: Sequence[bool]) -> float | None:
    """How many of the flags are set; None where there is none."""
    return float(np.mean(flags)) if len(flags) else None


def calibration_error(p_yes: Sequence[float], truths: Sequence[bool]) -> float | None:
    """Expected calibration error: how far P(yes) lies from the share of yes, over ten bins weighed by their size.

    Guo et al. 2017 (arXiv 1706.04599), equation 3, for the probability of yes.
    """
    if not p_yes:
        return None
    p, y = np.asarray(p_yes), np.asarray(truths, dtype=float)
    bins = np.minimum((p * BINS).astype(int), BINS - 1)
    gaps = [abs(float(p[bins == b].mean() - y[bins == b].mean())) * float((bins == b).mean()) for b in set(bins)]
    return float(sum(gaps))


def phi(first: Sequence[bool], second: Sequence[bool]) -> float | None:
    """Phi coefficient (Pearson's correlation of two flags); None where one of them never changes."""
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if len(a) < 2 or a.std() == 0 or b.std() == 0:
        return None
    return float(np.corrcoef(a, b)[0, 1])
