"""The shipped painter, loaded as any other StableDiffusionPipeline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

import limner.microworld
from limner.microworld.law import FRAME, Constraint, Noun
from limner.microworld.oracle import read, verdict

if TYPE_CHECKING:
    from diffusers import StableDiffusionPipeline

FOLDER = Path(limner.microworld.__file__).parent / "weights" / "painter"
PROMPTS = [
    f"a large {colour} {shape} at the {place}; on a white background; clean crisp drawing, high quality"
    for colour, shape, place in [
        ("red", "circle", "top left"),
        ("blue", "square", "bottom right"),
        ("green", "triangle", "center"),
        ("yellow", "ring", "top right"),
        ("purple", "cross", "bottom left"),
        ("cyan", "circle", "right"),
        ("red", "square", "left"),
        ("green", "ring", "bottom"),
    ]
]


@pytest.fixture(scope="module")
def defaults() -> dict[str, Any]:
    return dict(json.loads((FOLDER / "limner.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def painter() -> StableDiffusionPipeline:
    from diffusers import StableDiffusionPipeline

    torch.set_num_threads(1)
    pipeline = StableDiffusionPipeline.from_pretrained(FOLDER, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def paint(painter: Any, defaults: dict[str, Any], prompts: list[str], output: str = "np") -> Any:
    seeds = [torch.Generator("cpu").manual_seed(index) for index in range(len(prompts))]
    return painter(
        prompts,
        num_inference_steps=defaults["steps"],
        guidance_scale=defaults["guidance"],
        width=defaults["width"],
        height=defaults["height"],
        generator=seeds,
        output_type=output,
    ).images


def test_pictures_have_shape_and_range_and_repeat(painter: Any, defaults: dict[str, Any]) -> None:
    first = paint(painter, defaults, PROMPTS)
    assert first.shape == (8, FRAME, FRAME, 3)
    assert first.min() >= 0
    assert first.max() <= 1
    assert first.std() > 0.1
    assert np.array_equal(first, paint(painter, defaults, PROMPTS))


def test_what_is_asked_is_painted(painter: Any, defaults: dict[str, Any]) -> None:
    pictures = paint(painter, defaults, PROMPTS, "pil")
    right = []
    for prompt, picture in zip(PROMPTS, pictures, strict=True):
        _, _, colour, shape, *_ = prompt.split()
        right.append(verdict(read(picture), Constraint("attribute", Noun(shape, colour))))
    assert right.count(True) >= 5


def test_a_picture_costs_at_most_twelve_gigaflops(painter: Any, defaults: dict[str, Any]) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        paint(painter, defaults, PROMPTS[:1])
    assert counter.get_total_flops() <= 12e9
    assert defaults["steps"] <= 20


def test_the_tokenizer_is_whole(painter: Any) -> None:
    assert len(painter.tokenizer) == painter.text_encoder.config.vocab_size
    assert painter.tokenizer.model_max_length == 77
    assert len(painter.tokenizer("a large red circle at the top left").input_ids) == 10


def test_a_long_prompt_is_cut_and_nothing_else(painter: Any, defaults: dict[str, Any]) -> None:
    long = PROMPTS[0] + ", circle" * 200
    ids = painter.tokenizer(long, truncation=True, max_length=77).input_ids
    shortened = painter.tokenizer.decode(ids, skip_special_tokens=True)
    assert np.array_equal(paint(painter, defaults, [long]), paint(painter, defaults, [shortened]))


def test_weights_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) <= 17.5e6
