"""Families of pipelines with tiny random weights, loaded from folders and drawn through the real code."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from limner.errors import UnknownModel, UsageError, WeightsError
from limner.generation import Lora, Setup, generator
from limner.generation.diffusers_generator import DiffusersGenerator
from limner.ledger import Ledger, recorded
from limner.types import Picture, Prompt, Recipe

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

DRAWING = ("sd", "sdxl", "sd3", "flux", "pixart", "sana", "qwen-image")
LIMITS = {"sd": 77, "sdxl": 77, "sd3": 256, "flux": 256, "pixart": 256, "sana": 300, "qwen-image": 512}
Family = Callable[[str], Path]


def recipe(seed: int = 1, text: str = "a red cat", negative: str = "", **settings: Any) -> Recipe:
    return Recipe(Prompt(text, negative), seed, **settings)


def drawn(model: DiffusersGenerator, *recipes: Recipe) -> list[np.ndarray]:
    pictures = model.generate(recipes)
    assert all(isinstance(item, Picture) for item in pictures), pictures
    return [np.asarray(item.image(), int) for item in pictures if isinstance(item, Picture)]


@pytest.fixture(scope="module")
def models(family: Family) -> Callable[[str], DiffusersGenerator]:
    loaded: dict[str, DiffusersGenerator] = {}
    return lambda name: loaded.setdefault(name, DiffusersGenerator(family(name)))


@pytest.mark.parametrize("name", DRAWING)
def test_a_family_draws_by_prompt_and_seed(name: str, models: Callable[[str], DiffusersGenerator]) -> None:
    model = models(name)
    first, other_seed, other_text = drawn(model, recipe(1), recipe(2), recipe(1, "two green dogs, far away"))
    assert first.shape == ((32, 32, 3) if name == "sana" else (16, 16, 3))
    assert (first != other_seed).any()
    assert (first != other_text).any()
    (alone,) = drawn(model, recipe(1))
    assert np.abs(first - alone).max() <= 2
    assert model.token_limit == LIMITS[name]


@pytest.mark.parametrize("name", DRAWING)
def test_a_cut_prompt_is_said_once(
    name: str, models: Callable[[str], DiffusersGenerator], caplog: pytest.LogCaptureFixture
) -> None:
    model = models(name)
    long = "cat, " * 150 + "xyz"
    with caplog.at_level(logging.WARNING, "limner"):
        for _ in range(2):
            drawn(model, recipe(1, long), recipe(2, long))
    (line,) = caplog.messages
    assert f"cut off after {LIMITS[name]}" in line
    assert "z'" in line.replace(" ", "")


@pytest.mark.parametrize(("name", "heard"), [("sd", True), ("sd3", True), ("qwen-image", True), ("flux", False)])
def test_negative_texts_where_the_pipeline_has_them(
    name: str, heard: bool, models: Callable[[str], DiffusersGenerator], caplog: pytest.LogCaptureFixture
) -> None:
    plain, steered = (drawn(models(name), recipe(1, negative=text))[0] for text in ("", "dogs and dogs"))
    assert (plain != steered).any() == heard
    assert any("without negative prompts" in line for line in caplog.messages) != heard


@pytest.mark.parametrize("name", DRAWING)
def test_guidance_reaches_the_pipeline(name: str, models: Callable[[str], DiffusersGenerator]) -> None:
    weak, strong = drawn(models(name), recipe(guidance=1.5), recipe(guidance=9.0))
    assert (weak != strong).any()


@pytest.mark.parametrize(
    ("name", "scheduler"),
    [("sdxl", "dpm++ 2m karras"), ("sdxl", "unipc"), ("pixart", "euler"), ("sana", "unipc"), ("sd", "lcm")],
)
def test_schedulers_by_name(name: str, scheduler: str, models: Callable[[str], DiffusersGenerator]) -> None:
    own, other = drawn(models(name), recipe(), recipe(scheduler=scheduler))
    assert (own != other).any()


# --- setup ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("switch", ["attention_slicing", "vae_slicing", "vae_tiling"])
def test_what_saves_memory_is_part_of_the_identity_and_draws_the_same(switch: str, tiny_folder: Path) -> None:
    plain, saving = DiffusersGenerator(tiny_folder), DiffusersGenerator(tiny_folder, setup=Setup(**{switch: True}))
    assert saving.identity == f"{plain.identity}+{switch.replace('_', '-')}"
    assert np.abs(drawn(plain, recipe())[0] - drawn(saving, recipe())[0]).max() <= 2


def test_compiling_is_a_switch(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    compiled: list[str] = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda module: compiled.append(type(module).__name__))
    model = generator(f"diffusers:{tiny_folder}", setup=Setup(compile=True))
    model.generate([recipe()])
    assert compiled == ["UNet2DConditionModel"]
    assert model.identity.endswith("+compile")


@pytest.mark.parametrize(
    ("offload", "switch"), [("model", "enable_model_cpu_offload"), ("sequential", "enable_sequential_cpu_offload")]
)
def test_parts_are_offloaded_by_diffusers_and_the_identity_stays(
    offload: str, switch: str, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from diffusers import DiffusionPipeline

    called: list[str] = []
    monkeypatch.setattr(DiffusionPipeline, switch, lambda _, device: called.append(device))
    setup = Setup("meta", "float32", offload)  # a device that is not the processor and is there on every machine
    model = DiffusersGenerator(tiny_folder, setup=setup)
    drawn(model, recipe())  # nothing was moved, so it draws where it was loaded
    assert called == ["meta"]
    assert model.identity == DiffusersGenerator(tiny_folder, setup=Setup("cpu", "float32")).identity


@pytest.fixture(scope="session")
def lora(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random LoRA for the attention of the tiny pipeline."""
    import torch
    from diffusers import StableDiffusionPipeline, UNet2DConditionModel
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    folder = tmp_path_factory.mktemp("lora")
    unet = UNet2DConditionModel.from_pretrained(tiny_folder / "unet")
    torch.manual_seed(0)
    unet.add_adapter(LoraConfig(r=2, init_lora_weights=False, target_modules=["to_q", "to_v", "to_out.0"]))
    StableDiffusionPipeline.save_lora_weights(folder, get_peft_model_state_dict(unet))
    return folder / "pytorch_lora_weights.safetensors"


def test_a_lora_changes_pictures_by_its_weight(tiny_folder: Path, lora: Path) -> None:
    plain = DiffusersGenerator(tiny_folder)
    models = [DiffusersGenerator(tiny_folder, setup=Setup(loras=(Lora(str(lora), w),))) for w in (0.0, 0.5, 1.0)]
    without, half, whole = (drawn(model, recipe())[0] for model in models)
    assert np.abs(without - drawn(plain, recipe())[0]).max() <= 1
    assert (without != half).any()
    assert (half != whole).any()
    assert len({model.identity for model in [plain, *models]}) == 4
    assert models[1].identity.split("+lora(")[1].endswith("*0.5)")


def test_a_lora_that_is_not_there_or_fits_nothing(tiny_folder: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    with pytest.raises(UnknownModel, match="nowhere"):
        _ = DiffusersGenerator(tiny_folder, setup=Setup(loras=(Lora("nowhere/at/all"),))).identity
    save_file({"unet.some.layer.lora_A.weight": torch.zeros(2, 3)}, tmp_path / "odd.safetensors")
    with pytest.raises(WeightsError, match=r"odd\.safetensors"):
        DiffusersGenerator(tiny_folder, setup=Setup(loras=(Lora(str(tmp_path)),))).generate([recipe()])


@pytest.mark.parametrize(
    ("text", "path", "weight"), [("a.safetensors", "a.safetensors", 1.0), ("a/b:0.5", "a/b", 0.5), ("C:/x", "C:/x", 1)]
)
def test_loras_as_people_write_them(text: str, path: str, weight: float) -> None:
    assert Lora.parse(text) == Lora(path, weight)


def test_a_lora_of_no_weight_is_refused() -> None:
    with pytest.raises(UsageError, match="nan"):
        Lora.parse("a:nan")


# --- the ledger ----------------------------------------------------------------------------------------------------


def test_what_was_drawn_in_halves_is_drawn_once(tiny_folder: Path, tmp_path: Path) -> None:
    """Identity is the stored bytes: a batch that was halved is recorded as it is, and read back where all would fit."""
    model, whole = DiffusersGenerator(tiny_folder, batch=4), DiffusersGenerator(tiny_folder, batch=4)
    model._fitting.size = 2  # as after an out-of-memory
    recipes = [recipe(seed) for seed in range(4)]
    with Ledger.open(tmp_path) as ledger:
        first = recorded(model, ledger).generate(recipes)
        assert recorded(whole, ledger).generate(recipes) == first
        assert ledger.spend().pictures == 4
