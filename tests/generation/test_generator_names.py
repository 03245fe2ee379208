"""Generators by name."""

from pathlib import Path

import pytest
from PIL import Image

from limner.errors import GenerationError, UnknownModel
from limner.generation import SCHEMES, from_callable, generator
from limner.types import Failure, Prompt, Recipe


@pytest.mark.parametrize("name", ["", "sdxl", "onnx:", "diffusers", "diffusers:", "images:", "microworld:x"])
def test_an_unknown_name_lists_the_schemes(name: str) -> None:
    with pytest.raises(UnknownModel) as caught:
        generator(name)
    assert all(scheme in str(caught.value) for scheme in SCHEMES)


def test_options_reach_the_model(tiny_folder: Path) -> None:
    model = generator(f"diffusers:{tiny_folder}", batch=5, dtype="bfloat16")
    assert model.terms.batch == 5
    assert model.identity.endswith("/bfloat16")


def test_an_exception_of_a_users_function_is_that_pictures_failure(caplog: pytest.LogCaptureFixture) -> None:
    def draw(recipe: Recipe) -> Image.Image:
        raise ZeroDivisionError(f"seed {recipe.seed}")

    assert from_callable(draw, "mine").generate([Recipe(Prompt("a"), 3)]) == [Failure("ZeroDivisionError", "seed 3")]
    assert "callable:mine" in caplog.text


def test_a_function_that_draws_nothing_is_an_error() -> None:
    with pytest.raises(GenerationError, match=r"returned None.*PIL"):
        from_callable(lambda _: None, "mine").generate([Recipe(Prompt("a"), 3)])  # type: ignore[arg-type, return-value]
