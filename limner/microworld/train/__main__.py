"""`python -m limner.microworld.train WHAT`: one command per model; a stopped run resumes from its checkpoint.

vae, text and unet are trained, and `painter` puts them together as shipped weights; `polish` trains the shipped
painter's UNet on, and `polished` ships that. Then tower, eye and taste are trained, and `judges` ships the last two;
`hone_eye` trains the shipped eye on, and `honed` ships that; `hone_taste` and `honed_taste` do so for the taste.
`figures` says how well the shipped painter paints, and `sheet` draws its contact sheets and the law.
"""

from __future__ import annotations

import argparse
import json
from importlib import import_module
from pathlib import Path

MODELS = ("vae", "text", "unet", "polish", "second", "tower", "eye", "hone_eye", "taste", "hone_taste", "reader")
"""In the order in which they need each other; each is a module here with `train(out, seed, steps)` and `PLAN`."""
_FINISHES = ("painter", "polished", "judges", "honed", "honed_taste", "figures", "sheet")
DOCS = Path("docs")


def main() -> None:
    """Read the arguments and do the work."""
    parser = argparse.ArgumentParser(prog="python -m limner.microworld.train", description=__doc__)
    parser.add_argument("what", choices=(*MODELS, *_FINISHES))
    parser.add_argument("--out", type=Path, default=Path("training"), help="where checkpoints and curves go")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=None, help="instead of the recipe's own number of steps")
    parser.add_argument("--count", type=int, default=200, help="scenes for each of the figures")
    arguments = parser.parse_args()
    if arguments.what in MODELS:
        module = import_module(f"limner.microworld.train.{arguments.what}")
        module.train(arguments.out, arguments.seed, arguments.steps or module.PLAN.steps)
    else:
        _finish(arguments)


def _finish(arguments: argparse.Namespace) -> None:
    from limner.microworld.train import eye, hone_eye, hone_taste, law_sheet, measure, painter, polish, sheet, taste

    if arguments.what == "painter":
        painter.write(painter.assemble(arguments.out))
    elif arguments.what == "polished":
        painter.write(polish.assemble(arguments.out))
    elif arguments.what == "judges":
        eye.ship(arguments.out, painter.FOLDER.parent / "eye")
        taste.ship(arguments.out, painter.FOLDER.parent / "taste")
    elif arguments.what == "honed":
        hone_eye.ship(arguments.out)
    elif arguments.what == "honed_taste":
        hone_taste.ship(arguments.out)
    elif arguments.what == "figures":
        print(json.dumps(measure.figures(painter.load(), count=arguments.count, seed=arguments.seed), indent=1))
    else:
        law_sheet.write(DOCS / "microworld-law.png", arguments.seed)
        sheet.write(painter.load(), DOCS, arguments.seed)


if __name__ == "__main__":
    main()
