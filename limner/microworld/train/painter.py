"""Putting the painter together: a stock StableDiffusionPipeline folder of half-precision safetensors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from limner.microworld.law import FRAME
from limner.microworld.train import text, unet, vae
from limner.microworld.train.loop import load_average, pick_device

if TYPE_CHECKING:
    from diffusers import StableDiffusionPipeline

FOLDER = Path(__file__).parent.parent / "weights" / "painter"
"""Where the shipped painter stands."""
STEPS = 16
GUIDANCE = 1.75


def assemble(out: Path) -> StableDiffusionPipeline:
    """The pipeline made of the moving averages in a training folder, in single precision."""
    from diffusers import StableDiffusionPipeline

    readers, tokenizer = text.load(out)
    return StableDiffusionPipeline(
        vae=vae.load(out),
        text_encoder=readers.encoder,
        tokenizer=tokenizer,
        unet=load_average(unet.build(), out / "unet"),
        scheduler=unet.scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def write(pipeline: StableDiffusionPipeline, folder: Path = FOLDER) -> None:
    """Save a painter in half precision, with the defaults by which it is best asked beside it."""
    for model in (pipeline.vae, pipeline.text_encoder, pipeline.unet):
        model.half()
    pipeline.save_pretrained(folder, safe_serialization=True)
    for path in (folder / "model_index.json", *folder.glob("*/config.json")):
        _forget_origin(path)
    defaults = {"steps": STEPS, "guidance": GUIDANCE, "width": FRAME, "height": FRAME, "scheduler": "DDIMScheduler"}
    (folder / "limner.json").write_text(json.dumps(defaults, indent=2) + "\n", encoding="utf-8")


def _forget_origin(path: Path) -> None:
    """Take out the folder from which a model was loaded before it was trained on: it is nobody else's."""
    kept = json.loads(path.read_text(encoding="utf-8"))
    kept.pop("_name_or_path", None)
    path.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


def load(folder: Path = FOLDER) -> StableDiffusionPipeline:
    """The shipped painter, in single precision, on the best device."""
    import torch
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(folder, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(pick_device())
