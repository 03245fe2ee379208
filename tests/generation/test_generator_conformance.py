"""One suite for every generator: what the protocol promises, asked of each implementation."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from limner.generation import from_callable, generator
from limner.generation.images_endpoint import ImagesEndpoint
from limner.pictures import read
from limner.protocols import Generator
from limner.testing import HashGenerator, ImageServer, no_real_calls
from limner.types import Failure, Picture, Prompt, Recipe

FAILING = 13


class Subject(NamedTuple):
    """A generator under test, another model of its kind, and a recipe that it must refuse."""

    model: Generator
    other: Generator
    refused: Recipe


def recipe(seed: int, text: str = "a red circle") -> Recipe:
    return Recipe(Prompt(text), seed)


def paint(recipe: Recipe) -> Image.Image:
    if recipe.seed == FAILING:
        raise ValueError("no thirteen")
    return Image.new("RGB", (16, 16), (recipe.seed * 7 % 256, len(recipe.prompt.text), 0))


@pytest.fixture(params=["callable", "hash", "diffusers", "images"])
def subject(request: pytest.FixtureRequest, tiny_folder: Path, tmp_path: Path) -> Iterator[Subject]:
    refused = recipe(FAILING)
    with no_real_calls():
        if request.param == "callable":
            yield Subject(from_callable(paint, "paint"), from_callable(paint, "paint 2"), refused)
        elif request.param == "hash":
            yield Subject(HashGenerator(failing=[FAILING]), HashGenerator("hash 2"), refused)
        elif request.param == "diffusers":
            name = f"diffusers:{tiny_folder}"
            yield Subject(generator(name), generator(name, dtype="bfloat16"), replace(refused, width=13, height=13))
        else:
            with ImageServer(HashGenerator(failing=[FAILING])) as server:
                model, other = (ImagesEndpoint(name, base_url=server.base_url) for name in ("sketch", "sketch-2"))
                yield Subject(model, other, refused)
                model.close()
                other.close()


def draw(model: Generator, *recipes: Recipe) -> list[Picture]:
    drawn = model.generate(recipes)
    assert all(isinstance(item, Picture) for item in drawn), drawn
    return [item for item in drawn if isinstance(item, Picture)]


def test_keeps_the_order_of_its_recipes(subject: Subject) -> None:
    recipes = [recipe(seed, text) for text in ("a cat", "a dog, big") for seed in (5, 3, 4)]
    drawn = draw(subject.model, *recipes)
    assert [picture.recipe for picture in drawn] == recipes
    assert {picture.model for picture in drawn} == {subject.model.identity}


def test_the_same_recipe_gives_the_same_bytes(subject: Subject) -> None:
    assert draw(subject.model, recipe(1)) == draw(subject.model, recipe(1))


def test_seed_and_prompt_change_the_picture(subject: Subject) -> None:
    recipes = [recipe(1), recipe(2), recipe(1, "two green stars")]
    pixels = {picture.image().tobytes() for picture in draw(subject.model, *recipes)}
    assert len(pixels) == 3


def test_nothing_asked_nothing_drawn(subject: Subject) -> None:
    assert subject.model.generate([]) == []


def test_a_refused_recipe_fails_in_its_place(subject: Subject) -> None:
    first, failed, last = subject.model.generate([recipe(1), subject.refused, recipe(2)])
    assert isinstance(failed, Failure)
    assert failed.reason
    assert isinstance(first, Picture)
    assert isinstance(last, Picture)


def test_identity_is_stable_and_tells_models_apart(subject: Subject) -> None:
    assert subject.model.identity == subject.model.identity
    assert subject.model.identity != subject.other.identity
    assert subject.model.terms.batch >= 1


def test_a_batch_is_close_to_singles(subject: Subject) -> None:
    recipes = [recipe(seed) for seed in range(5)]
    together = [np.asarray(picture.image(), dtype=int) for picture in draw(subject.model, *recipes)]
    alone = [np.asarray(draw(subject.model, one)[0].image(), dtype=int) for one in recipes]
    assert np.abs(np.array(together) - np.array(alone)).max() <= 2


def test_the_file_says_how_to_draw_it_again(subject: Subject) -> None:
    (picture,) = draw(subject.model, recipe(6))
    said = read(picture.png)
    assert said is not None
    assert (said.recipe.prompt, said.recipe.seed, said.model) == (Prompt("a red circle"), 6, subject.model.identity)
    assert (said.recipe.width, said.recipe.height) == picture.image().size
    (again,) = draw(subject.model, said.recipe)
    assert again.image().size == picture.image().size
