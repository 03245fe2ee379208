"""The second painter: the shipped one with a low-rank change of its attention, which prefers other words.

It stands for another checkpoint of the same family: trained on with another seed and other captions
(`python -m limner.microworld.train second`), and shipped as the change alone.
`python -m limner.microworld.second FOLDER` writes it as an ordinary diffusers folder, to be named `diffusers:FOLDER`.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS = Path(__file__).parent / "weights"
PAINTER = WEIGHTS / "painter"
CHANGE = WEIGHTS / "second" / "change.safetensors"
"""`PART.MODULE.down` (rank, in) and `PART.MODULE.up` (out, rank): what is added to a weight is up @ down."""
FILES = {"unet": "unet/diffusion_pytorch_model.safetensors", "text_encoder": "text_encoder/model.safetensors"}
"""The changed parts of the painter, and where their weights stand in its folder."""


def write(folder: Path, change: Path = CHANGE) -> Path:
    """Write the second painter as a diffusers folder, unless it stands there already.

    Returns:
        The folder. Equal changes give equal files, so its identity is the same wherever it is written.
    """
    from safetensors.torch import load_file, save_file

    if folder.exists():
        return folder
    fresh = folder.with_name(f"{folder.name}.new")
    shutil.copytree(PAINTER, fresh, dirs_exist_ok=True)
    rows = load_file(change)
    for part, name in FILES.items():
        weights = load_file(PAINTER / name)
        save_file({key: _changed(f"{part}.{key}", value, rows) for key, value in weights.items()}, fresh / name)
    fresh.rename(folder)
    return folder


def _changed(name: str, weight: Tensor, rows: Mapping[str, Tensor]) -> Tensor:
    module = name.removesuffix(".weight")
    if f"{module}.up" not in rows:
        return weight
    added = rows[f"{module}.up"].float() @ rows[f"{module}.down"].float()
    return (weight.float() + added).to(weight.dtype)


def main() -> None:
    """Write the folder that is named."""
    parser = argparse.ArgumentParser(prog="python -m limner.microworld.second", description=__doc__)
    parser.add_argument("folder", type=Path)
    print(write(parser.parse_args().folder))


if __name__ == "__main__":
    main()
