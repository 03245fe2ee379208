"""`python -m limner.microworld.train WHAT`: one command per model; a stopped run resumes from its checkpoint.

vae, text and unet are trained, and `painter` puts them together as shipped weights; `polish` trains the shipped
painter's UNet on, and `polished` ships that. Then tower, eye and taste are trained, and `judges` ships the last two;
`hone_eye` trains the shipped eye on, and `honed` ships that; `hone_taste` and `honed_taste` do so for the taste.
`second` and `reader` are shipped as soon as they are trained.
`figures` says how well the shipped painter paints, and `sheet` draws its contact sheets and the law.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from limner.errors import UsageError
from limner.microworld.second import WEIGHTS

MODELS = ("vae", "text", "unet", "polish", "second", "reader", "tower", "eye", "taste", "hone_eye", "hone_taste")
"""In the order in which they need each other; each is a module here with `train(out, seed, steps)` and `PLAN`."""
_SHIPPED = ("second", "reader")
"""Models that are shipped as soon as they are trained: `train` takes the folder too."""
_FINISHES = ("painter", "polished", "judges", "honed", "honed_taste", "figures", "sheet")
DOCS = Path("docs")


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the arguments and do the work; the exit code is 2 where what was asked for cannot be."""
    parser = argparse.ArgumentParser(prog="python -m limner.microworld.train", description=__doc__)
    parser.add_argument("what", choices=(*MODELS, *_FINISHES))
    parser.add_argument("--out", type=Path, default=Path("training"), help="where checkpoints and curves go")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="where finished models go, and are measured")
    parser.add_argument("--docs", type=Path, default=DOCS, help="where the sheets go")
    parser.add_argument("--seed", type=int, default=None, help="instead of the plan's own (of figures and sheets: 0)")
    parser.add_argument("--steps", type=int, default=None, help="instead of the recipe's own number of steps")
    parser.add_argument("--count", type=int, default=200, help="scenes for each of the figures")
    asked = parser.parse_args(arguments)
    try:
        if asked.what in MODELS:
            _train(asked)
        else:
            _finish(asked)
    except UsageError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _train(asked: argparse.Namespace) -> None:
    module = import_module(f"limner.microworld.train.{asked.what}")
    seed = module.PLAN.seed if asked.seed is None else asked.seed
    folders = [asked.weights / asked.what] if asked.what in _SHIPPED else []
    module.train(asked.out, seed, asked.steps or module.PLAN.steps, *folders)


def _finish(asked: argparse.Namespace) -> None:
    from limner.microworld.train import eye, hone_eye, hone_taste, law_sheet, measure, painter, polish, sheet, taste

    out, weights, seed = asked.out, asked.weights, asked.seed or 0
    if asked.what == "painter":
        painter.write(painter.assemble(out), weights / "painter")
    elif asked.what == "polished":
        painter.write(polish.assemble(out), weights / "painter")
    elif asked.what == "judges":
        eye.ship(out, weights / "eye")
        taste.ship(out, weights / "taste")
    elif asked.what == "honed":
        hone_eye.ship(out, weights / "eye")
    elif asked.what == "honed_taste":
        hone_taste.ship(out, weights / "taste")
    elif asked.what == "figures":
        pipeline = painter.load(weights / "painter")
        print(json.dumps(measure.figures(pipeline, count=asked.count, seed=seed), indent=1))
    else:
        law_sheet.write(asked.docs / "microworld-law.png", seed)
        sheet.write(painter.load(weights / "painter"), asked.docs, seed)


if __name__ == "__main__":
    sys.exit(main())
