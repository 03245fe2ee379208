"""An evolve run on fakes in a process of its own, to be killed: OUT [SESSION-TO-RESUME].

Says on stdout which node has started, and writes each recipe to OUT/drawn.txt before it is drawn.
"""

import sys
from pathlib import Path

from limner.graph.api import evolve
from limner.testing import HashGenerator, ScorerFromFunction

REQUESTS = [
    f"a {colour} {shape}" for colour in ("red", "blue", "pink") for shape in ("ring", "star", "cross", "circle")
]
OPTIONS = {"questions": None, "questions_weight": 0.0, "rounds": 2, "batch": 2, "held_out": 2, "validation": 2}


class Noting(HashGenerator):
    def __init__(self, notes, delay):
        super().__init__(delay=delay)
        self.notes = notes

    def generate(self, recipes):
        with self.notes.open("a") as file:
            file.writelines(f"{recipe.prompt.text!r} {recipe.seed}\n" for recipe in dict.fromkeys(recipes))
        return super().generate(recipes)


def run(out, resume=None, delay=0.0, progress=None):
    models = {
        "generator": Noting(out / "drawn.txt", delay),
        "taste": ScorerFromFunction(lambda query, picture: float(picture.sha256[0] > "7")),
        "professional": lambda query, count: [],
    }
    if resume:
        return evolve(resume=resume, progress=progress, **models)
    return evolve(REQUESTS, session="s", out=out, progress=progress, **models, **OPTIONS)


def say(step):
    if step.event == "started":
        print("start", step.node, flush=True)


if __name__ == "__main__":
    folder, *session = map(Path, sys.argv[1:])
    folder.mkdir(exist_ok=True)
    run(folder, *session, delay=0.5, progress=say)
