"""A replayable surrogate of the embedded world: what a prompt is worth there, without drawing a picture.

It looks at a prompt as the directive critic does, by the features that it shows for its request, at its length, and at
how many objects the request names. The expected judgement is additive in features, with interactions of pairs and of
features with objects, and with what more of the same no longer adds: words of quality, words of manner, words at all.
Noise has a part of the request, a part of request and picture seed that all prompts share, and a part of the picture's
own, which are differences seen between real pictures. Fitted by `limner.bench.surrogate_fit`, which says how well;
equal requests, prompts and seeds give equal judgements.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from limner.agents.catalogue import CATALOGUE
from limner.agents.features import Sight
from limner.agents.parser import parse
from limner.agents.style import Style
from limner.types import Prompt, Query

Array = NDArray[np.float64]

FILE = "surrogate.json"
MOST_OBJECTS = 5
INDEX = {directive.id: at for at, directive in enumerate(CATALOGUE)}
QUALITY, MANNER = (
    frozenset(INDEX[directive.id] for directive in CATALOGUE if getattr(directive.edit(Style()), part))
    for part in ("quality", "manner")
)
"""Features that are words of quality, and of manner."""
MEASURES = ("both", "taste", "eye")
"""All-correct and well drawn by the oracle (log odds); the taste score; the eye's mean of P(yes) - P(no)."""
STEERING = ("taste", "eye")
"""The judgements that a search sees."""


class Traits(NamedTuple):
    """What the surrogate sees of a prompt: positions of the features shown, objects that the request names, words."""

    shown: tuple[int, ...]
    objects: int
    words: int

    def amounts(self) -> Array:
        """Regressors that bend: length beyond knots, and steps of how many sorts of quality and manner there are."""
        quality, manner = (len(several.intersection(self.shown)) for several in (QUALITY, MANNER))
        long, longer = max(self.words - 30, 0), max(self.words - 45, 0)
        lengths = (self.words / 20, long / 20, longer / 20, self.objects * long / 60)
        return np.array([*lengths, quality >= 1, quality >= 2, quality >= 3, manner >= 1, manner >= 2], float)


@lru_cache(maxsize=200_000)
def traits(query: str, prompt: str) -> Traits:
    """Look at a prompt for a request."""
    sight = Sight(prompt, prompt.lower(), parse(prompt), parse(query))
    shown = tuple(at for at, directive in enumerate(CATALOGUE) if directive.feature(sight))
    asked = sum(thing.count or 1 for thing in sight.query.things)
    return Traits(shown, min(max(asked, 1), MOST_OBJECTS), len(_WORDS.findall(prompt)))


_WORDS = re.compile(r"[^\s,.;]+|[,.;]")


@dataclass(frozen=True, slots=True)
class Effects:
    """What features add to one judgement.

    objects: by the number of objects, from 1. amounts: of each of `Traits.amounts`. alone: of each feature. crowded: of
    each feature, for each object beyond the first. pairs: (feature, feature) -> what both together add to the sum of
    the two.
    """

    objects: Array
    amounts: Array
    alone: Array
    crowded: Array
    pairs: dict[tuple[int, int], float]

    def value(self, seen: Traits) -> float:
        """The expected judgement (log odds for `both`)."""
        shown = list(seen.shown)
        total = self.objects[seen.objects - 1] + seen.amounts() @ self.amounts + self.alone[shown].sum()
        total += (seen.objects - 1) * self.crowded[shown].sum()
        both = (self.pairs.get((i, j), 0.0) for at, i in enumerate(shown) for j in shown[at + 1 :])
        return float(total + sum(both))


@dataclass(frozen=True, slots=True)
class Noise:
    """What taste and eye scatter about their expectation.

    query, seed: factors (2, 2) of the covariances of what a request, and a request with a seed, brings to all prompts.
    own: differences (n, 2) of real pictures from the others of their request and seed.
    """

    query: Array
    seed: Array
    own: Array


class Units(NamedTuple):
    """Spreads of taste and eye within a request."""

    taste: float
    eye: float

    def reward(self, taste: float, eye: float) -> float:
        """Half taste and half eye, each in its spread, as in `limner.evolve`."""
        return 0.5 * taste / self.taste + 0.5 * eye / self.eye


@dataclass(frozen=True, slots=True)
class Surrogate:
    """The embedded world as fitted: judgements of a prompt, without a picture.

    units: spreads of taste and eye between the pictures of one request and seed, in which the reward measures them.
    """

    effects: dict[str, Effects]
    noise: Noise
    units: Units
    best_known: str
    record: dict[str, Any]

    def expected(self, query: Query, prompt: Prompt) -> float:
        """The probability that the oracle finds the picture all-correct and well drawn."""
        return float(1 / (1 + np.exp(-self.effects["both"].value(traits(query.text, prompt.text)))))

    def judged(self, query: Query, prompt: Prompt, seed: int) -> tuple[float, float]:
        """Taste and eye of the picture of this seed."""
        seen = traits(query.text, prompt.text)
        luck = self.noise.query @ _normals("query", query.text) + self.noise.seed @ _normals("seed", query.text, seed)
        own = self.noise.own[_number("own", query.text, prompt.text, seed) % len(self.noise.own)]
        taste, eye = (self.effects[name].value(seen) for name in STEERING)
        return float(taste + luck[0] + own[0]), float(eye + luck[1] + own[1])

    def reward(self, query: Query, prompt: Prompt, seed: int) -> float:
        """What every search is told of the picture."""
        return self.units.reward(*self.judged(query, prompt, seed))


def _number(*parts: object) -> int:
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8])


def _normals(*parts: object) -> Array:
    return np.random.Generator(np.random.PCG64(_number(*parts))).standard_normal(2)


@cache
def surrogate() -> Surrogate:
    """The fitted surrogate that ships with the package."""
    return from_json(json.loads((files("limner.bench") / "data" / FILE).read_text(encoding="utf-8")))


def from_json(row: dict[str, Any]) -> Surrogate:
    """Read a fitted surrogate; effects stand by the ids of the directives whose features they are."""
    noise = row["noise"]
    return Surrogate(
        {name: _effects(row["effects"][name]) for name in MEASURES},
        Noise(*(np.array(noise[part]) for part in ("query", "seed", "own"))),
        Units(**row["units"]),
        row["best_known"],
        {name: row[name] for name in ("recipe", "fit")},
    )


def _effects(row: dict[str, Any]) -> Effects:
    alone, crowded = np.zeros(len(CATALOGUE)), np.zeros(len(CATALOGUE))
    for name, (one, more) in row["features"].items():
        alone[INDEX[name]], crowded[INDEX[name]] = one, more
    pairs = {_pair(INDEX[first], INDEX[second]): value for first, second, value in row["pairs"]}
    return Effects(np.array(row["objects"]), np.array(row["amounts"]), alone, crowded, pairs)


def _pair(first: int, second: int) -> tuple[int, int]:
    return min(first, second), max(first, second)
