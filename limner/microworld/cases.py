"""Cases: requests with their truth, drawn from a split; and the data files that are made of them.

`python -m limner.microworld.cases` writes data/queries.json (texts alone, for everybody) and data/professional.jsonl
(the seed of the prompt database: what professionals wrote for the search queries).
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import numpy as np

from limner.microworld.grammar import Request, professional, request
from limner.microworld.law import Case, Scene
from limner.microworld.splits import SPLITS, Split, some_scene
from limner.types import Query

SHIPPED: dict[Split, int] = {"search": 200, "validation": 100, "held_out": 240}
"""How many queries of each split are shipped; they are `cases(split, count)` with seed 0."""
PROFESSIONALS = 6
"""Professional prompts for each search query."""
DATA = Path(__file__).parent / "data"
_OBJECTS = (0.2, 0.4, 0.2, 0.12, 0.08)
_PATIENCE = 200


def cases(split: Split, count: int, seed: int = 0) -> list[Case]:
    """Different requests for scenes of a split; the first ones are the same whatever the count."""
    rng = np.random.default_rng([SPLITS.index(split), seed])
    found: dict[str, Case] = {}
    misses = 0
    while len(found) < count:
        scene = some_scene(rng, split, objects=_OBJECTS, well=True)
        asked = request(scene, rng)
        if asked.text in found or not _says_colours(scene, asked):
            misses += 1
            if misses > _PATIENCE * count:
                raise ValueError(f"the split {split!r} has no {count} different requests: ask for fewer")
            continue
        found[asked.text] = Case(Query.of(asked.text).id, asked.text, asked.constraints, scene, (asked.tag,))
    return list(found.values())


def _says_colours(scene: Scene, asked: Request) -> bool:
    """Whether every colour is said: then the text fixes the content, and the texts of the splits are disjoint too."""
    if asked.tag != "counting":
        return True
    colours: defaultdict[str, set[str]] = defaultdict(set)
    for thing in scene.things:
        colours[thing.shape].add(thing.colour)
    return all(len(some) == 1 for some in colours.values())


def write(folder: Path = DATA) -> None:
    """Write the shipped data files."""
    folder.mkdir(exist_ok=True)
    shipped = {split: cases(split, count) for split, count in SHIPPED.items()}
    texts = {split: [{"id": case.id, "text": case.text} for case in some] for split, some in shipped.items()}
    (folder / "queries.json").write_text(json.dumps(texts, indent=1) + "\n", encoding="utf-8")
    rng = np.random.default_rng(2718)
    with (folder / "professional.jsonl").open("w", encoding="utf-8") as file:
        for case in shipped["search"]:
            for prompt in dict.fromkeys(professional(case, rng) for _ in range(PROFESSIONALS)):
                row = {"prompt": prompt, "query": case.text, "source": "microworld", "license": "CC0-1.0"}
                file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    write()
