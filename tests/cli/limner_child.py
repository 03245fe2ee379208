"""The command line with fakes for `--generator fake` and `--taste fake`, in a process of its own: DELAY ARGUMENT..."""

import sys

import limner.graph.draw
import limner.graph.wiring
from limner.cli.main import main
from limner.testing import HashGenerator, ScorerFromFunction


def fakes(generator, scorer, delay=0.0):
    """Loaders of models that know the name `fake`, too."""

    def load_generator(name, **options):
        return HashGenerator("fake", delay=delay) if name == "fake" else generator(name, **options)

    def load_scorer(name, **options):
        return ScorerFromFunction(judged, name) if name.startswith("fake") else scorer(name, **options)

    return load_generator, load_scorer


def judged(query, picture):
    return float(picture.sha256[0] > "7")


if __name__ == "__main__":
    loaders = fakes(limner.graph.wiring.generator, limner.graph.wiring.scorer, float(sys.argv[1]))
    limner.graph.wiring.generator, limner.graph.wiring.scorer = loaders
    main(sys.argv[2:])
