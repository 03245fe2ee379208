"""`python -m limner.microworld.train vae|...`: one command per model; resumes from its checkpoint."""

from __future__ import annotations

import argparse
from pathlib import Path


def main() -> None:
    """Read the arguments and train one model."""
    parser = argparse.ArgumentParser(prog="python -m limner.microworld.train", description=__doc__)
    parser.add_argument("model", choices=("vae",))
    parser.add_argument("--out", type=Path, default=Path("training"), help="where checkpoints and curves go")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=None, help="instead of the recipe's own number of steps")
    arguments = parser.parse_args()
    from limner.microworld.train import vae

    vae.train(arguments.out, arguments.seed, arguments.steps or vae.PLAN.steps)


if __name__ == "__main__":
    main()
