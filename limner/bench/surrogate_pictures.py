"""What the judges say of the pictures that the surrogate is fitted to: those of the offline search, and some beside.

The offline search (`limner.bench.best_known`) keeps its pictures in a ledger; they are read from it, none is drawn. It
soon looks only near the best, where searches that know less never come; so instructions thrown together are drawn,
too. Each block of each instruction is judged once and kept.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from limner.agents import CATALOGUE, DirectiveWriter, agents
from limner.agents.style import Style
from limner.bench.acceptance import truth
from limner.bench.best_known import BLOCK
from limner.bench.evolve_rivals import thrown_together
from limner.bench.kept import Kept
from limner.generation import generator
from limner.graph.deps import derive
from limner.ledger import Ledger, recorded
from limner.microworld import oracle
from limner.microworld.cases import SHIPPED, cases
from limner.microworld.law import Case
from limner.protocols import Generator, Scorer, VisionModel
from limner.scoring import scorer, vision_model
from limner.scoring.questions import QuestionScorer
from limner.types import Failure, Instruction, Picture, Prompt, Query, Question, Recipe, Score

THROWN, FIRST_THROWN = 128, 1_000_000
"""Instructions that are thrown together, and the number of the first one's block."""


class Judged(NamedTuple):
    """One picture: where it belongs, what was asked and written, and what oracle, taste and eye said of it."""

    instruction: str
    block: int
    query: str
    prompt: str
    both: float
    taste: float
    eye: float


class Judges(NamedTuple):
    """Whoever drew the pictures, and whoever judges them."""

    painter: Generator
    taste: Scorer
    vision: VisionModel

    @classmethod
    def embedded(cls) -> Judges:
        """Those of the embedded world."""
        return cls(generator("microworld"), scorer("microworld"), vision_model("microworld"))

    @property
    def identities(self) -> dict[str, str]:
        """Of all three, by role, and of the oracle's source."""
        named = {name: getattr(self, name).identity for name in self._fields}
        return {**named, "oracle": hashlib.sha256(Path(oracle.__file__).read_bytes()).hexdigest()[:12]}


def judged_pictures(search: Path, kept: Kept, judges: Judges, seed: int = 0) -> list[Judged]:
    """Judge every finished block in the folder of an offline search.

    Args:
        search: the folder with `parts.jsonl` and the ledger; it is only read.
        kept: where judgements are kept.
        judges: painter and judges; the painter draws nothing.
        seed: that of the offline search.
    """
    blocks = _Blocks(seed)
    rows: list[Judged] = []
    with Ledger.open(search, replay=True) as ledger:
        replayed = judges._replace(painter=recorded(judges.painter, ledger))
        for number, text in _finished(search):
            name = f"block {number}: {text}"
            rows += [Judged(text, *row) for row in kept.part(name, partial(_judge, replayed, blocks, number, text))]
    return rows


def thrown_pictures(folder: Path, kept: Kept, judges: Judges, count: int = THROWN, seed: int = 0) -> list[Judged]:
    """Draw and judge a block of each of `count` instructions that were thrown together.

    Every other one begins with a place for each object and a sentence of quality, so that the neighbourhood of good
    instructions is known as well as the whole.

    Args:
        folder: of the ledger that keeps the pictures.
        kept: where judgements are kept.
        judges: painter and judges.
        count: how many.
        seed: of instructions, requests and pictures.
    """
    blocks = _Blocks(seed)
    rows: list[Judged] = []
    with Ledger.open(folder) as ledger:
        drawing = judges._replace(painter=recorded(judges.painter, ledger))
        for number in range(count):
            rng, block = random.Random(derive(seed, "thrown", number)), FIRST_THROWN + number
            first = ("places", rng.choice(_QUALITY)) if number % 2 else ()
            text = thrown_together(rng, first)
            made = partial(_judge, drawing, blocks, block, text)
            rows += [Judged(text, *row) for row in kept.part(f"block {block}: {text}", made)]
    return rows


_QUALITY = tuple(directive.id for directive in CATALOGUE if directive.edit(Style()).quality)


def _finished(search: Path) -> list[tuple[int, str]]:
    """Block number and instruction of every finished part."""
    lines = (search / "parts.jsonl").read_text(encoding="utf-8").splitlines()
    names = [row["part"] for row in map(json.loads, lines) if "part" in row]
    split = (name.removeprefix("block ").partition(": ") for name in names)
    return [(int(number), text) for number, _, text in split]


class _Blocks:
    """The requests of each block, with their picture seeds, as the offline search draws them."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._every = [*cases("search", SHIPPED["search"]), *cases("validation", SHIPPED["validation"])]

    def cases(self, block: int) -> list[Case]:
        return random.Random(derive(self._seed, "block", block)).sample(self._every, BLOCK)

    def recipes(self, block: int, prompts: Sequence[Prompt]) -> list[Recipe]:
        seeds = (derive(self._seed, "picture", block, case.id) for case in self.cases(block))
        return [Recipe(*both) for both in zip(prompts, seeds, strict=True)]


def _judge(judges: Judges, blocks: _Blocks, block: int, text: str) -> list[list[Any]]:
    writer, some = DirectiveWriter(), blocks.cases(block)
    queries = [Query(case.id, case.text) for case in some]
    prompts = [asyncio.run(writer.write(Instruction(text), query)) for query in queries]
    pictures = judges.painter.generate(blocks.recipes(block, prompts))
    there = [
        (case, query, prompt, picture)
        for case, query, prompt, picture in zip(some, queries, prompts, pictures, strict=True)
        if isinstance(picture, Picture)
    ]
    pairs = [(query, picture) for _, query, _, picture in there]
    tastes = [value_of(score) for score in judges.taste.score(pairs)]
    eyes = eyes_of(judges.vision, pairs)
    return [
        [block, query.text, prompt.text, float(truth(picture, case).both), taste, eye]
        for (case, query, prompt, picture), taste, eye in zip(there, tastes, eyes, strict=True)
        if taste is not None and eye is not None
    ]


def eyes_of(vision: VisionModel, pairs: Sequence[tuple[Query, Picture]]) -> list[float | None]:
    """The mean of P(yes) - P(no) over each picture's questions."""
    return [value_of(score) for score in QuestionScorer(vision, _questions).score(pairs)]


def _questions(query: Query) -> Sequence[Question]:
    return asyncio.run(agents("directives").questioner.questions(query))


def value_of(score: Score | Failure) -> float | None:
    """A score's value; None where there is none."""
    return score.value if isinstance(score, Score) else None
