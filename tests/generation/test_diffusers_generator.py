"""The diffusers generator at its own door: incomplete folders, settings, memory, numbers that are none."""

import json
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from limner.errors import UnknownModel, UsageError, WeightsError
from limner.generation.diffusers_generator import DiffusersGenerator
from limner.generation.pipeline import Drawn, Pipeline, Plan
from limner.generation.setup import Setup
from limner.pictures import read
from limner.types import Failure, Picture, Prompt, Recipe

# numpy 2 on diffusers' Euler schedulers; nobody sees it outside of tests
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

UNET = "unet/diffusion_pytorch_model.safetensors"
TEXT = "text_encoder/model.safetensors"


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_folder, tmp_path / "copy"))


@pytest.fixture(scope="module")
def tiny(tiny_folder: Path) -> DiffusersGenerator:
    return DiffusersGenerator(tiny_folder)


def recipe(seed: int = 1, text: str = "a red circle", **settings: Any) -> Recipe:
    return Recipe(Prompt(text), seed, **settings)


def one(model: DiffusersGenerator, wanted: Recipe) -> Picture:
    (drawn,) = model.generate([wanted])
    assert isinstance(drawn, Picture), drawn
    return drawn


def failure(model: DiffusersGenerator, wanted: Recipe) -> Failure:
    (drawn,) = model.generate([wanted])
    assert isinstance(drawn, Failure)
    return drawn


def change(path: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(path)
    edit(tensors)
    save_file(tensors, path, metadata={"format": "pt"})


# --- folders -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gone", "named"),
    [
        ("model_index.json", "model_index.json"),
        (UNET, "unet"),
        (TEXT, "text_encoder"),
        ("vae", "vae"),
        ("tokenizer/tokenizer.json", "tokenizer.json"),
        ("scheduler/scheduler_config.json", "scheduler_config.json"),
    ],
)
def test_a_missing_file_is_named_before_anything_loads(folder: Path, gone: str, named: str) -> None:
    path = folder / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(WeightsError, match=named):
        DiffusersGenerator(folder)


@pytest.mark.parametrize("part", [UNET, TEXT])
@pytest.mark.parametrize("kept", [4, 100, -1])
def test_a_cut_off_file_is_named(folder: Path, part: str, kept: int) -> None:
    whole = (folder / part).read_bytes()
    (folder / part).write_bytes(whole[:kept])
    with pytest.raises(WeightsError, match=part.replace(".", r"\.")):
        DiffusersGenerator(folder)


def test_a_missing_shard_is_named(folder: Path) -> None:
    index = {"weight_map": {"conv_in.weight": "diffusion_pytorch_model-00002-of-00002.safetensors"}}
    (folder / "unet/diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(WeightsError, match="00002-of-00002"):
        DiffusersGenerator(folder)


@pytest.mark.parametrize("part", [UNET, TEXT])
def test_missing_weights_are_not_filled_with_noise(folder: Path, part: str) -> None:
    change(folder / part, lambda tensors: tensors.pop(sorted(tensors)[0]))
    with pytest.raises(WeightsError, match=part.split("/")[0]):
        DiffusersGenerator(folder).generate([recipe()])


@pytest.mark.parametrize("part", [UNET, TEXT])
def test_weights_of_another_shape_do_not_load(folder: Path, part: str) -> None:
    def halve(tensors: dict[str, Any]) -> None:
        name = max(tensors, key=lambda name: tensors[name].numel())
        tensors[name] = tensors[name][:1].clone()

    change(folder / part, halve)
    with pytest.raises(WeightsError, match="does not load"):
        DiffusersGenerator(folder).generate([recipe()])


def test_a_pipeline_for_something_else_does_not_load(folder: Path) -> None:
    index = folder / "model_index.json"
    index.write_text(index.read_text().replace("StableDiffusionPipeline", "DancePipeline"))
    with pytest.raises(WeightsError, match="DancePipeline"):
        DiffusersGenerator(folder).generate([recipe()])


@pytest.mark.parametrize("content", ["{", "[]", '{"steps": 0}', '{"stepz": 3}'])
def test_wrong_defaults_are_named(folder: Path, content: str) -> None:
    (folder / "limner.json").write_text(content)
    with pytest.raises(WeightsError, match=r"limner\.json"):
        DiffusersGenerator(folder)


@pytest.mark.parametrize("name", ["./nowhere", "nowhere", "/no/such/folder", ""])
def test_no_folder_no_model(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((UnknownModel, WeightsError), match=r"folder|missing"):
        DiffusersGenerator(name)


@pytest.mark.parametrize("options", [{"dtype": "int4"}, {"offload": "attic"}, {"device": "cpu", "offload": "model"}])
def test_wrong_options_are_usage_errors(tiny_folder: Path, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=str(list(options.values())[-1])):
        one(DiffusersGenerator(tiny_folder, setup=Setup(**options)), recipe())
    with pytest.raises(UsageError, match="batch=0"):
        DiffusersGenerator(tiny_folder, batch=0)


# --- identity ------------------------------------------------------------------------------------------------------


def test_identity_follows_the_files_and_the_dtype(tiny: DiffusersGenerator, folder: Path) -> None:
    assert tiny.identity.startswith("diffusers:tiny@")
    assert tiny.identity.endswith("/float32")
    copy = DiffusersGenerator(folder)
    assert copy.identity.split("@")[1] == tiny.identity.split("@")[1]
    change(folder / UNET, lambda tensors: tensors["conv_in.bias"].add_(1))
    assert DiffusersGenerator(folder).identity != copy.identity
    assert DiffusersGenerator(folder, setup=Setup(dtype="bfloat16")).identity.endswith("/bfloat16")


def test_loading_and_drawing_say_nothing(tiny_folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    one(DiffusersGenerator(tiny_folder), recipe())
    assert capfd.readouterr() == ("", "")


# --- settings ------------------------------------------------------------------------------------------------------


def test_open_settings_are_the_folders_own_and_are_written_down(tiny: DiffusersGenerator) -> None:
    said = read(one(tiny, recipe()).png)
    assert said is not None
    assert said.recipe == recipe(steps=3, guidance=3.0, width=16, height=16, scheduler="DDIMScheduler")
    assert one(tiny, said.recipe).image().tobytes() == one(tiny, recipe()).image().tobytes()


@pytest.mark.parametrize(
    "settings",
    [{"steps": 5}, {"guidance": 9.0}, {"guidance": 0.0}, {"width": 32}, {"scheduler": "euler a"}, {"scheduler": "LCM"}],
)
def test_each_setting_changes_the_picture(tiny: DiffusersGenerator, settings: dict[str, Any]) -> None:
    assert one(tiny, recipe(**settings)).image().tobytes() != one(tiny, recipe()).image().tobytes()


def test_a_scheduler_does_not_stay_for_the_next_recipe(tiny: DiffusersGenerator) -> None:
    before = one(tiny, recipe()).png
    one(tiny, recipe(scheduler="euler a"))
    assert one(tiny, recipe()).png == before


def test_mixed_settings_keep_their_places(tiny: DiffusersGenerator) -> None:
    recipes = [recipe(seed, steps=2 + seed % 2, width=16 + 8 * (seed % 3 == 0)) for seed in range(6)]
    drawn = tiny.generate(recipes)
    assert [item.recipe for item in drawn if isinstance(item, Picture)] == recipes
    assert [one(tiny, wanted).image().size for wanted in recipes] == [(w.width, 16) for w in recipes]


def test_a_negative_text_steers_away(tiny: DiffusersGenerator) -> None:
    plain, steered = Recipe(Prompt("a cat"), 1), Recipe(Prompt("a cat", negative="a dog"), 1)
    alone = one(tiny, plain)
    together = tiny.generate([plain, steered])
    assert isinstance(together[1], Picture)
    assert together[0] == alone
    assert together[1].image().tobytes() != alone.image().tobytes()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"scheduler": "quantum"}, "quantum.*euler a"),
        ({"scheduler": "FlowMatchEulerDiscreteScheduler"}, "does not fit"),
        ({"scheduler": "os"}, "does not fit"),
        ({"width": 13}, "divisible"),
        ({"steps": 0}, "at least 1 step"),
        ({"steps": -3}, "-3"),
    ],
)
def test_impossible_settings_fail_in_place(tiny: DiffusersGenerator, settings: dict[str, Any], named: str) -> None:
    assert re.search(named, failure(tiny, recipe(**settings)).reason)


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_impossible_seeds_fail_in_place(tiny: DiffusersGenerator, seed: int) -> None:
    assert str(seed) in failure(tiny, recipe(seed)).reason


def test_tokens_are_counted_by_the_models_own_tokenizer(tiny: DiffusersGenerator) -> None:
    assert tiny.token_limit == 77
    assert tiny.count_tokens("") == 2
    assert tiny.count_tokens("cat " * 100) == 302


# --- memory and numbers --------------------------------------------------------------------------------------------


def test_a_batch_that_does_not_fit_is_halved(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import torch

    shapes: list[int] = []
    whole = Pipeline.draw

    def small_memory(self: Pipeline, plan: Plan, prompts: Sequence[tuple[str, str]], seeds: Sequence[int]) -> Drawn:
        shapes.append(len(prompts))
        if len(prompts) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(self, plan, prompts, seeds)

    monkeypatch.setattr(Pipeline, "draw", small_memory)
    model = DiffusersGenerator(tiny_folder, batch=8)
    recipes = [recipe(seed) for seed in range(9)]
    for _ in range(2):
        assert [item.recipe for item in model.generate(recipes) if isinstance(item, Picture)] == recipes
    assert shapes == [8, 4, 2, 2, 2, 2, 1, 2, 2, 2, 2, 1]
    assert [record.getMessage() for record in caplog.records] == [
        "Out of memory with 8 pictures at once on cpu; going on with 2."
    ]


def test_a_picture_that_never_fits_has_failed(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: object) -> Drawn:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(Pipeline, "draw", no_memory)
    drawn = DiffusersGenerator(tiny_folder, batch=2).generate([recipe(1), recipe(2), recipe(3)])
    assert ["Out of memory" in item.reason for item in drawn if isinstance(item, Failure)] == [True] * 3


def test_a_picture_of_no_numbers_has_failed(folder: Path) -> None:
    def spoil(tensors: dict[str, Any]) -> None:
        tensors["decoder.conv_out.bias"].fill_(float("nan"))

    change(folder / "vae/diffusion_pytorch_model.safetensors", spoil)
    assert "no numbers" in failure(DiffusersGenerator(folder), recipe()).reason
