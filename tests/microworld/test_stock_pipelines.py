"""The painter's folder in the stock pipelines of diffusers: from text, from a picture, inpainting, LoRA, schedulers."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import limner.microworld
from limner.generation import schedulers
from limner.microworld.law import FRAME, PLACES, Constraint, Noun, Scene, Thing
from limner.microworld.oracle import read, verdict
from limner.microworld.render import render
from limner.quiet import quiet

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

FOLDER = Path(limner.microworld.__file__).parent / "weights" / "painter"
ASKED = [
    Thing("circle", "red", "large", 0),
    Thing("square", "blue", "large", 8),
    Thing("triangle", "green", "large", 4),
    Thing("ring", "yellow", "large", 2),
    Thing("cross", "purple", "large", 6),
    Thing("circle", "cyan", "large", 5),
    Thing("square", "red", "large", 3),
    Thing("ring", "green", "large", 7),
]


def wording(*things: Thing) -> str:
    said = "; ".join(f"a {thing.size} {thing.colour} {thing.shape} at the {PLACES[thing.cell]}" for thing in things)
    return f"{said}; on a white background; clean crisp drawing, high quality"


def drawings(*scenes: Scene) -> list[Image.Image]:
    rng = np.random.default_rng(5)
    return [Image.fromarray(render(scene, rng)) for scene in scenes]


def paint(pipeline: Any, prompts: list[str], steps: int = 12, **how: Any) -> Any:
    seeds = [torch.Generator("cpu").manual_seed(number) for number in range(len(prompts))]
    how = {"guidance_scale": 2.5, "generator": seeds} | how
    return pipeline(prompts, num_inference_steps=steps, **how).images


def right(pictures: list[Image.Image], things: list[Thing]) -> int:
    """How many pictures show their thing, of its size, in its place."""
    wanted = [Constraint("place", Noun(thing.shape, thing.colour, thing.size), cell=thing.cell) for thing in things]
    return sum(verdict(read(picture), place) is True for picture, place in zip(pictures, wanted, strict=True))


def load(kind: str) -> Any:
    import diffusers

    torch.set_num_threads(1)
    with quiet():
        pipeline = getattr(diffusers, kind).from_pretrained(FOLDER, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.fixture(scope="module")
def painter() -> Any:
    return load("StableDiffusionPipeline")


@pytest.fixture
def unchanged(painter: Any) -> Iterator[Any]:
    own = painter.scheduler
    yield painter
    painter.scheduler = own


def test_loading_warns_of_nothing() -> None:
    from diffusers import StableDiffusionPipeline

    class Heard(logging.Handler):
        def __init__(self) -> None:
            super().__init__(logging.WARNING)
            self.lines: list[str] = []

        def emit(self, record: logging.LogRecord) -> None:
            self.lines.append(record.getMessage())

    heard = Heard()
    loggers = [logging.getLogger(name) for name in ("diffusers", "transformers")]
    for logger in loggers:
        logger.addHandler(heard)
    try:
        StableDiffusionPipeline.from_pretrained(FOLDER, dtype=torch.float32)
    finally:
        for logger in loggers:
            logger.removeHandler(heard)
    assert [line for line in heard.lines if "torchvision" not in line] == []


@pytest.mark.parametrize("name", ["ddim", "dpm++ 2m", "unipc", "euler", "euler a", "lcm"])
def test_schedulers_paint_what_is_asked(unchanged: Any, name: str) -> None:
    unchanged.scheduler = schedulers.build(name, unchanged.scheduler)
    pictures = paint(unchanged, [wording(thing) for thing in ASKED])
    assert [picture.size for picture in pictures] == [(FRAME, FRAME)] * len(ASKED)
    assert right(pictures, ASKED) >= 5


def test_a_picture_is_painted_over() -> None:
    before = drawings(*(Scene((thing,), "white") for thing in ASKED))
    after = paint(
        load("AutoPipelineForImage2Image"), [wording(thing) for thing in ASKED], 10, image=before, strength=0.6
    )
    assert right(after, ASKED) >= 6
    assert all(not np.array_equal(old, new) for old, new in zip(before, after, strict=True))


def test_a_part_is_painted_anew() -> None:
    kept = [Thing("circle", "blue", "large", (thing.cell + 3) % 9) for thing in ASKED]
    before = drawings(*(Scene((thing,), "white") for thing in kept))
    masks = [Image.new("L", (FRAME, FRAME), 0) for _ in ASKED]
    for mask, thing in zip(masks, ASKED, strict=True):
        row, column = divmod(thing.cell, 3)
        mask.paste(255, (16 * column, 16 * row, 16 * column + 16, 16 * row + 16))
    prompts = [wording(*pair) for pair in zip(ASKED, kept, strict=True)]
    size = {"height": FRAME, "width": FRAME}
    after = paint(load("AutoPipelineForInpainting"), prompts, image=before, mask_image=masks, strength=1.0, **size)
    assert right(after, ASKED) >= 5
    assert right(after, kept) >= 7


@pytest.mark.parametrize("task", ["Img2Img", "Inpaint"])
def test_each_pipeline_loads_by_its_own_name(task: str) -> None:
    kind = f"StableDiffusion{task}Pipeline"
    assert type(load(kind)).__name__ == kind


def test_pipelines_are_made_of_each_other(painter: Any) -> None:
    from diffusers import AutoPipelineForInpainting, AutoPipelineForText2Image, StableDiffusionImg2ImgPipeline

    others = [kind.from_pipe(painter) for kind in (StableDiffusionImg2ImgPipeline, AutoPipelineForInpainting)]
    assert [type(other).__name__ for other in others] == [
        "StableDiffusionImg2ImgPipeline",
        "StableDiffusionInpaintPipeline",
    ]
    again = AutoPipelineForText2Image.from_pipe(others[1])
    assert all(other.unet is painter.unet and other.vae is painter.vae for other in [*others, again])
    assert type(again) is type(painter)


def test_a_lora_comes_and_goes(painter: Any, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft", reason="diffusers loads LoRA by peft")
    from diffusers import StableDiffusionPipeline
    from diffusers.utils import convert_state_dict_to_diffusers

    prompts = [wording(thing) for thing in ASKED[:2]]
    before = paint(painter, prompts, 4, output_type="np")

    torch.manual_seed(0)
    small = peft.LoraConfig(r=2, lora_alpha=2, target_modules=["to_q", "to_v"], init_lora_weights=False)
    painter.unet.add_adapter(small)
    layers = convert_state_dict_to_diffusers(peft.get_peft_model_state_dict(painter.unet))
    painter.unet.delete_adapters("default")
    StableDiffusionPipeline.save_lora_weights(tmp_path, unet_lora_layers=layers)

    with quiet():
        painter.load_lora_weights(tmp_path)
    changed = paint(painter, prompts, 4, output_type="np")
    painter.unload_lora_weights()
    assert np.abs(changed - before).max() > 0.02
    assert np.array_equal(paint(painter, prompts, 4, output_type="np"), before)
