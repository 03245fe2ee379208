"""The best instruction that is known for the embedded painter: what evolve's gain is measured against.

`python -m limner.bench.best_known` looks for it offline, with the oracle itself for a judge and a hundred times the
pictures of a run, on search and validation queries alone: every sentence by itself, then generations of children
(a sentence added, dropped or exchanged, or two parents mixed), raced on fresh queries; the longest raced wins. Every
drawn block is kept, with its pictures in a ledger, so a stopped search goes on, and `--recount` lets an oracle that has
changed since look at the same pictures again. The result is committed as data/best_known.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files
from pathlib import Path

from limner.agents import CATALOGUE, START, DirectiveWriter
from limner.agents.sentences import LONGEST, Change, Reading, changed, read
from limner.bench.acceptance import truth
from limner.bench.kept import Kept
from limner.generation import generator
from limner.graph.deps import derive
from limner.ledger import Ledger, recorded
from limner.microworld.cases import SHIPPED, cases
from limner.protocols import Generator
from limner.types import Instruction, Picture, Query, Recipe

FILE = "best_known.json"
PICTURES, BLOCK = 20_000, 16
"""Pictures of the whole search; queries that are drawn together."""
PARENTS, CHILDREN = 8, 24
RACES = ((None, 1), (12, 1), (6, 2))
"""Of each generation: how many go on (None: all), and over how many fresh blocks."""
FINALISTS, FINAL_SHARE = 4, 0.1


def instruction(painter: str) -> tuple[str | None, str | None]:
    """The best known instruction for a painter of this identity, or None with the reason."""
    try:
        row = json.loads((files("limner.bench") / "data" / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None, f"There is no data/{FILE}: `python -m limner.bench.best_known` makes it."
    if row["painter"] != painter:
        return None, f"data/{FILE} was found for {row['painter']}, and the painter is {painter}."
    return row["instruction"], None


@dataclass(slots=True)
class Record:
    """Good pictures (all-correct and well drawn) of one instruction, over how many."""

    good: float = 0.0
    drawn: int = 0

    @property
    def surely(self) -> float:
        """Share of good pictures less a standard error, with one good and one bad picture added."""
        n = self.drawn + 2
        share = (self.good + 1) / n
        return share - math.sqrt(share * (1 - share) / n)


Good = Callable[[str, int], int]
"""How many of the `BLOCK` pictures drawn with an instruction for the queries of a block, by its number, are good."""


@dataclass
class Search:
    """The search over instructions; equal seeds, pictures and judgements give the same one."""

    good: Good
    kept: Kept
    pictures: int = PICTURES
    seed: int = 0
    records: dict[str, Record] = field(default_factory=dict)
    spent: int = 0
    blocks: int = 0

    def best(self) -> str:
        """Search until the pictures are spent; the best instruction's text."""
        self.race([START.text, *(directive.sentence for directive in CATALOGUE)])
        generation = 0
        while self.spent < (1 - FINAL_SHARE) * self.pictures:
            generation += 1
            parents = self.leading(PARENTS)
            rng = random.Random(derive(self.seed, "generation", generation))
            self.race([*parents, *self.children(parents, rng)])
        finalists = self.leading(FINALISTS)
        while self.spent + len(finalists) * BLOCK <= self.pictures:
            self.draw(finalists)
        return self.leading(1)[0]

    def recounted(self) -> str:
        """Judge every kept block again, drawing none; the best instruction by these counts."""
        for name in self.kept.names():
            block, text = name.removeprefix("block ").split(": ", 1)
            self._count(text, self.good(text, int(block)))
        return self.leading(1)[0]

    def race(self, texts: Sequence[str]) -> None:
        """Draw with all, then more with those that lead, while pictures last."""
        running = list(texts)
        for survivors, blocks in RACES:
            running = sorted(running, key=lambda text: -self.records[text].surely)[:survivors] if survivors else running
            for _ in range(blocks):
                self.draw(running)

    def leading(self, count: int) -> list[str]:
        """The instructions that are surely best."""
        return sorted(self.records, key=lambda text: -self.records[text].surely)[:count]

    def children(self, parents: Sequence[str], rng: random.Random) -> list[str]:
        """New instructions near the parents."""
        born: dict[str, None] = {}
        for _ in range(100 * CHILDREN):
            if len(born) == CHILDREN:
                break
            child = mixed(parents, rng) if rng.random() < 0.25 else changed_once(rng.choice(parents), rng)
            if child and child not in self.records:
                born[child] = None
        return list(born)

    def draw(self, texts: Iterable[str]) -> None:
        """Draw one fresh block of queries with each instruction and count the good pictures."""
        self.blocks += 1
        for text in texts:
            self._count(text, self.kept.part(f"block {self.blocks}: {text}", partial(self.good, text, self.blocks)))

    def _count(self, text: str, good: int) -> None:
        record = self.records.setdefault(text, Record())
        record.good += good
        record.drawn += BLOCK
        self.spent += BLOCK


def changed_once(text: str, rng: random.Random) -> str:
    """A sentence added, dropped or exchanged."""
    reading = read(text)
    kind = rng.choice(("add", "add", "exchange", "drop"))
    add = None if kind == "drop" else rng.choice([one for one in CATALOGUE if one.id not in reading.ids])
    drop = rng.choice(reading.known) if reading.known and kind != "add" else None
    return changed(reading, Change(add=add, drop=drop)).text


def mixed(parents: Sequence[str], rng: random.Random) -> str:
    """Some sentences of two parents, at most one of each slot."""
    known = [directive for text in rng.sample(list(parents), 2) for directive in read(text).known]
    rng.shuffle(known)
    by_slot = {directive.slot: directive for directive in known}
    ids = {directive.id for directive in list(by_slot.values())[: rng.randint(2, LONGEST)]}
    return Reading(tuple(directive for directive in CATALOGUE if directive.id in ids)).text


def painted_by(painter: Generator, seed: int) -> Good:
    """Draw with a painter and let the oracle count."""
    every = [*cases("search", SHIPPED["search"]), *cases("validation", SHIPPED["validation"])]
    writer = DirectiveWriter()

    def good(text: str, block: int) -> int:
        some = random.Random(derive(seed, "block", block)).sample(every, BLOCK)
        prompts = [asyncio.run(writer.write(Instruction(text), Query(case.id, case.text))) for case in some]
        seeds = [derive(seed, "picture", block, case.id) for case in some]
        pictures = painter.generate([Recipe(*both) for both in zip(prompts, seeds, strict=True)])
        drawn = zip(pictures, some, strict=True)
        return sum(isinstance(picture, Picture) and truth(picture, case).both for picture, case in drawn)

    return good


def record_of(search: Search, painter: str, *, recount: bool = False) -> Mapping[str, object]:
    """What is committed: the best instruction with its recipe, and what came near it."""
    best = search.recounted() if recount else search.best()
    return {
        "instruction": best,
        "painter": painter,
        "recipe": {
            "command": f"python -m limner.bench.best_known --pictures {search.pictures} --seed {search.seed}",
            "recounted": recount,
            "pictures": search.spent,
            "instructions": len(search.records),
            "judge": "the oracle: all-correct and well drawn, search and validation queries",
        },
        "leading": [
            {"instruction": text, "good": search.records[text].good, "drawn": search.records[text].drawn}
            for text in search.leading(10)
        ],
        "start": {"good": search.records[START.text].good, "drawn": search.records[START.text].drawn},
    }


def main() -> None:
    """Search, or go on, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=PICTURES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/best-known"), help="where drawn blocks are kept")
    parser.add_argument("--file", type=Path, default=Path(__file__).parent / "data" / FILE)
    parser.add_argument("--recount", action="store_true", help="judge what is kept again, with today's oracle")
    given = parser.parse_args()
    painter = generator("microworld")
    kept = Kept(given.out / "parts.jsonl", {"painter": painter.identity, "seed": given.seed, "block": BLOCK})
    with Ledger.open(given.out) as ledger:
        good = painted_by(recorded(painter, ledger), given.seed)
        search = Search(good, kept, given.pictures, given.seed)
        row = record_of(search, painter.identity, recount=given.recount)
    given.file.write_text(json.dumps(row, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
