"""Presets: every file loads, models find their family, and the limits agree with the pipelines they stand for."""

import inspect

import pytest

from limner.errors import UsageError
from limner.presets import PLAIN, preset, preset_for, presets


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("diffusers:runwayml/stable-diffusion-v1-5", "sd"),
        ("diffusers:stabilityai/stable-diffusion-2-1", "sd"),
        ("diffusers:stabilityai/stable-diffusion-xl-base-1.0", "sdxl"),
        ("diffusers:stabilityai/sdxl-turbo", "sdxl"),
        ("diffusers:stabilityai/stable-diffusion-3.5-large", "sd35"),
        ("diffusers:black-forest-labs/FLUX.1-dev", "flux"),
        ("diffusers:Qwen/Qwen-Image", "qwen-image"),
        ("images:gpt-image-1", "gpt-image"),
        ("microworld", PLAIN),
        ("callable:mine", PLAIN),
    ],
)
def test_a_model_finds_its_family_by_name(model, family):
    assert preset_for(model).name == family


@pytest.mark.parametrize(
    ("pipeline", "family"),
    [
        ("StableDiffusionPipeline", "sd"),
        ("StableDiffusionXLPipeline", "sdxl"),
        ("StableDiffusion3Pipeline", "sd35"),
        ("FluxPipeline", "flux"),
        ("QwenImagePipeline", "qwen-image"),
    ],
)
def test_a_local_folder_finds_its_family_by_its_pipeline(pipeline, family):
    assert preset_for("diffusers:/models/mine", pipeline).name == family


@pytest.mark.parametrize(
    ("pipeline", "family"),
    [("StableDiffusion3Pipeline", "sd35"), ("FluxPipeline", "flux"), ("QwenImagePipeline", "qwen-image")],
)
def test_limits_are_the_pipelines_own_defaults(pipeline, family):
    diffusers = pytest.importorskip("diffusers")
    arguments = inspect.signature(getattr(diffusers, pipeline).__call__).parameters
    assert preset(family).token_limit == arguments["max_sequence_length"].default


def test_only_pipelines_that_take_negative_prompts_are_given_one():
    diffusers = pytest.importorskip("diffusers")
    named = {"sd": "StableDiffusionPipeline", "sdxl": "StableDiffusionXLPipeline", "qwen-image": "QwenImagePipeline"}
    for family, pipeline in named.items():
        assert preset(family).negative
        assert "negative_prompt" in inspect.signature(getattr(diffusers, pipeline).__call__).parameters


def test_no_piece_of_a_name_belongs_to_two_families():
    pieces = [piece for one in presets().values() for piece in one.matches]
    assert len(pieces) == len(set(pieces))
    assert all(piece == piece.lower() for piece in pieces)


def test_an_unknown_preset_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match=r"no preset 'sd9'.*flux.*sdxl"):
        preset("sd9")
