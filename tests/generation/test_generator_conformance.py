"""One suite for every generator: what the protocol promises, asked of each implementation."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from limner.generation import SCHEMES, from_callable, generator
from limner.ledger import Budget, Ledger, recorded
from limner.pictures import read
from limner.protocols import Generator
from limner.testing import ComfyServer, HashGenerator, ImageServer, no_real_calls
from limner.testing.comfy_server import WORKFLOW
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


def by_callable(_: pytest.FixtureRequest, __: Path) -> Iterator[Subject]:
    yield Subject(from_callable(paint, "paint"), from_callable(paint, "paint 2"), recipe(FAILING))


def by_hash(_: pytest.FixtureRequest, __: Path) -> Iterator[Subject]:
    yield Subject(HashGenerator(failing=[FAILING]), HashGenerator("hash 2"), recipe(FAILING))


def by_diffusers(request: pytest.FixtureRequest, _: Path) -> Iterator[Subject]:
    name = f"diffusers:{request.getfixturevalue('tiny_folder')}"
    yield Subject(generator(name), generator(name, dtype="bfloat16"), replace(recipe(FAILING), width=13, height=13))


def by_onnx(request: pytest.FixtureRequest, folder: Path) -> Iterator[Subject]:
    exported = request.getfixturevalue("exported")("sd").folder
    shutil.copytree(exported, folder / "other")
    (folder / "other" / "limner.json").write_text('{"steps": 2}')
    model, other = generator(f"onnx:{exported}"), generator(f"onnx:{folder / 'other'}")
    yield Subject(model, other, replace(recipe(FAILING), width=13, height=13))


def by_images(_: pytest.FixtureRequest, __: Path) -> Iterator[Subject]:
    with ImageServer(HashGenerator(failing=[FAILING])) as server:
        model, other = (generator(f"images:{name}", base_url=server.base_url) for name in ("sketch", "sketch-2"))
        yield Subject(model, other, recipe(FAILING))
        closed(model, other)


def by_comfyui(_: pytest.FixtureRequest, folder: Path) -> Iterator[Subject]:
    for name, text in (("one", ""), ("other", "dull")):
        graph = WORKFLOW | {"7": WORKFLOW["7"] | {"inputs": {"text": text}}}
        (folder / f"{name}.json").write_text(json.dumps(graph))
    with ComfyServer(HashGenerator(failing=[FAILING])) as server:
        names = [f"comfyui:{folder / name}.json" for name in ("one", "other")]
        model, other = (generator(name, base_url=server.base_url) for name in names)
        yield Subject(model, other, recipe(FAILING))
        closed(model, other)


def closed(*models: Any) -> None:
    for model in models:
        model.close()


KINDS = {
    "callable": by_callable,
    "hash": by_hash,
    "diffusers": by_diffusers,
    "onnx": by_onnx,
    "images": by_images,
    "comfyui": by_comfyui,
}


def test_no_scheme_is_left_out() -> None:
    assert set(SCHEMES) - {"microworld"} <= set(KINDS)  # the painter is a folder of diffusers


@pytest.fixture(params=KINDS)
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Subject]:
    with no_real_calls():
        yield from KINDS[request.param](request, tmp_path)


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


def test_through_the_ledger_it_is_paid_once(subject: Subject, tmp_path: Path) -> None:
    recipes = [recipe(1), subject.refused, recipe(2)]
    with Ledger.open(tmp_path / "session", Budget(allow_unknown_price=True)) as ledger:
        first, again = (recorded(subject.model, ledger).generate(recipes) for _ in range(2))
        assert first == again
        assert isinstance(first[1], Failure)
        assert ledger.spend().pictures == 2


def test_the_file_says_how_to_draw_it_again(subject: Subject) -> None:
    (picture,) = draw(subject.model, recipe(6))
    said = read(picture.png)
    assert said is not None
    assert (said.recipe.prompt, said.recipe.seed, said.model) == (Prompt("a red circle"), 6, subject.model.identity)
    assert (said.recipe.width, said.recipe.height) == picture.image().size
    (again,) = draw(subject.model, said.recipe)
    assert again.image().size == picture.image().size
