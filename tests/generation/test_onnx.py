"""Pipelines exported to ONNX and drawn by ONNX Runtime: equal to torch's, whole or refused, never chosen silently."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from limner.errors import GenerationError, LimnerError, UsageError, WeightsError
from limner.generation import generator, onnx_export, onnx_modules, onnx_trace
from limner.generation.onnx_export import Exported, compare, export
from limner.generation.onnx_folder import MANIFEST, NETWORK, WEIGHTS
from limner.generation.setup import Setup
from limner.protocols import Stepwise
from limner.types import Failure, Picture, Prompt, Recipe

# numpy 2 on diffusers' Euler schedulers; nobody sees it outside of tests
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

Export = Callable[[str], Exported]


@pytest.fixture
def copy(exported: Export, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported("sd").folder, tmp_path / "copy"))


def recipe(seed: int = 1, **settings: Any) -> Recipe:
    return Recipe(Prompt("a red circle", "a cat"), seed, **settings)


def pictures(model: Any, *recipes: Recipe) -> list[Picture]:
    drawn = model.generate(recipes)
    assert all(isinstance(item, Picture) for item in drawn), drawn
    return list(drawn)


@pytest.mark.parametrize(
    "name", ["sd", *(pytest.param(name, marks=pytest.mark.slow) for name in ("sdxl", "sd3", "flux", "pixart", "sana"))]
)
def test_pictures_are_torchs(name: str, exported: Export, family: Callable[[str], Path]) -> None:
    done = exported(name)
    assert set(done.manifest.parts) >= {"vae", "text_encoder"}
    assert done.manifest.size is None
    assert all(part.deviation < 1e-4 for part in done.manifest.parts.values())
    parity = compare(generator(f"diffusers:{family(name)}"), generator(f"onnx:{done.folder}"), 3)
    assert parity.within >= 0.999
    assert not list(done.folder.rglob("*.safetensors"))


@pytest.mark.parametrize("settings", [{"scheduler": "euler"}, {"width": 32}, {"guidance": 1.0}, {"steps": 5}])
def test_settings_mean_what_they_mean_in_torch(
    settings: dict[str, Any], exported: Export, family: Callable[[str], Path]
) -> None:
    models = generator(f"diffusers:{family('sd')}"), generator(f"onnx:{exported('sd').folder}")
    ours, theirs = (np.asarray(pictures(model, recipe(**settings))[0].image(), np.int16) for model in models)
    assert np.abs(ours - theirs).max() <= 2


def test_paths_can_be_dropped_as_in_torch(exported: Export, family: Callable[[str], Path]) -> None:
    recipes = [recipe(seed) for seed in range(3)]
    drawn = []
    for name in (f"diffusers:{family('sd')}", f"onnx:{exported('sd').folder}"):
        model = generator(name)
        assert isinstance(model, Stepwise)
        with model.start(recipes, [1]) as run:
            for _ in run:
                run.drop(1)
        drawn.append(run)
    theirs, ours = drawn
    assert (ours.steps, ours.pictures[1]) == (theirs.steps, None)
    for path in (0, 2):
        one, other = (np.asarray(run.pictures[path].image(), np.int16) for run in drawn)
        assert np.abs(one - other).max() <= 2


def test_identity_is_not_torchs_and_follows_the_files(exported: Export, copy: Path) -> None:
    model = generator(f"onnx:{exported('sd').folder}")
    assert model.identity.startswith("onnx:sd@")
    assert model.identity.endswith("/CPUExecutionProvider/float32")
    hashed = model.identity.split("@")[1]
    assert generator(f"onnx:{copy}").identity.split("@")[1] == hashed
    with (copy / "unet" / NETWORK).open("r+b") as file:
        file.seek(100)
        file.write(b"!")
    assert generator(f"onnx:{copy}").identity.split("@")[1] != hashed


@pytest.mark.parametrize("damage", ["gone", "cut", "version", "manifest", "noise"])
def test_a_folder_that_is_not_whole_is_refused(copy: Path, damage: str) -> None:
    network, manifest = copy / "unet" / NETWORK, copy / MANIFEST
    said = json.loads(manifest.read_text())
    match damage:
        case "gone":
            network.unlink()
        case "cut":
            network.write_bytes(network.read_bytes()[:1000])
        case "version":
            manifest.write_text(json.dumps(said | {"version": 9}))
        case "manifest":
            manifest.write_text("{")
        case "noise":
            network.write_bytes(b"x" * network.stat().st_size)
    with pytest.raises(WeightsError, match="Export the model again"):
        generator(f"onnx:{copy}").generate([recipe()])


def test_a_folder_of_the_other_kind_is_refused_and_its_name_said(
    exported: Export, family: Callable[[str], Path]
) -> None:
    with pytest.raises(UsageError, match="limner export-onnx"):
        generator(f"onnx:{family('sd')}")
    with pytest.raises(WeightsError, match="onnx:"):
        generator(f"diffusers:{exported('sd').folder}")


def test_other_providers_and_setups(exported: Export) -> None:
    name = f"onnx:{exported('sd').folder}"
    assert generator(name, device="CPUExecutionProvider").identity == generator(name, device="cpu").identity
    with pytest.raises(UsageError, match="no provider 'quantum'"):
        generator(name, device="quantum")
    with pytest.raises(UsageError, match="pipelines in torch"):
        generator(name, setup=Setup(dtype="bfloat16"))


def test_a_missing_package_says_what_to_install(exported: Export, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = exported("sd").folder
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(UsageError, match=r"pip install 'limner\[onnx\]'"):
        generator(f"onnx:{folder}")


@pytest.mark.slow
def test_large_weights_stand_in_one_file_beside(
    family: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_trace, "ONE_FILE", 0)
    done = export(f"diffusers:{family('sd')}", tmp_path / "large", pictures=1)
    assert {path.name for path in (done.folder / "unet").iterdir()} == {"config.json", NETWORK, WEIGHTS}
    assert done.parity is not None
    assert done.parity.within >= 0.999


@pytest.mark.slow
@pytest.mark.parametrize("refusals", [1, 2])
def test_a_network_that_fits_some_calls_alone_says_so(
    refusals: int, family: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, tried = onnx_trace.written, []

    def picky(network: Any, part: str, *args: Any) -> Any:
        tried.append(part)
        if part == "unet" and tried.count("unet") <= refusals:
            raise GenerationError("unet is picky")
        return whole(network, part, *args)

    monkeypatch.setattr(onnx_export, "written", picky)
    said: list[str] = []
    done = export(f"diffusers:{family('sd')}", tmp_path / "picky", pictures=2, say=said.append)
    assert (done.manifest.size, done.manifest.alone) == ((16, 16), refusals == 2)
    assert any("16x16 pixels alone" in line for line in said)
    assert (tried.count("vae"), tried.count("unet")) == (1, refusals + 1)
    assert done.parity is not None
    assert done.parity.within >= 0.999
    (refused,) = generator(f"onnx:{done.folder}").generate([recipe(width=64, height=64)])
    assert isinstance(refused, Failure)
    assert "16x16 pixels alone" in refused.reason


@pytest.mark.slow
def test_a_family_that_torch_cannot_export_says_so(
    family: Callable[[str], Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Qwen-Image turns its queries as complex numbers, which ONNX does not have."""
    with pytest.raises(GenerationError, match=r"QwenImagePipeline cannot .*transformer.*view_as_complex.*diffusers:"):
        export(f"diffusers:{family('qwen-image')}", tmp_path / "out")
    assert not list(tmp_path.iterdir())
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("name", ["images:sketch", "diffusers:./nowhere"])
def test_what_cannot_be_exported(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    with pytest.raises(LimnerError):
        export(name, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(family: Callable[[str], Path], tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(UsageError, match="there already"):
        export(f"diffusers:{family('sd')}", tmp_path)


@pytest.mark.slow
def test_the_command(family: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from limner.cli.main import main

    with pytest.raises(SystemExit) as ended:
        main(
            ["export-onnx", f"diffusers:{family('sd')}", str(tmp_path / "out"), "--pictures", "1", "--json", "--quiet"]
        )
    assert not ended.value.code
    said = json.loads(capsys.readouterr().out)
    assert said["parity"]["within"] >= 0.999
    assert set(said["deviation"]) == {"unet", "vae", "text_encoder"}
    assert onnx_modules.provider("auto") == "CPUExecutionProvider"
