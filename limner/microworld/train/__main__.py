"""`python -m limner.microworld.train MODEL`: one command per model; a stopped run resumes from its checkpoint."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

MODELS = ("vae", "text", "unet")
"""In the order in which they need each other; each is a module here with `train(out, seed, steps)` and `PLAN`."""


def main() -> None:
    """Read the arguments and train one model."""
    parser = argparse.ArgumentParser(prog="python -m limner.microworld.train", description=__doc__)
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("--out", type=Path, default=Path("training"), help="where checkpoints and curves go")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=None, help="instead of the recipe's own number of steps")
    arguments = parser.parse_args()
    module = import_module(f"limner.microworld.train.{arguments.model}")
    module.train(arguments.out, arguments.seed, arguments.steps or module.PLAN.steps)


if __name__ == "__main__":
    main()
