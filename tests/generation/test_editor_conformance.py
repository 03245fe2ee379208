"""One suite for every editor: what the protocol promises, asked of each implementation."""

import shutil
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from limner.errors import UnknownModel, WeightsError
from limner.generation import generator
from limner.generation.diffusers_editor import DiffusersEditor, region_mask, rim
from limner.generation.editors import EDITORS, editor
from limner.ledger import Ledger, recorded
from limner.pictures import feathered, read
from limner.protocols import Editor
from limner.testing import HashEditor, HashGenerator
from limner.types import Edit, Failure, Picture, Prompt, Recipe, Region

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
FAILING = 13
SIZES = {"flux-kontext": (16, 16)}


def picture(seed: int = 0, size: tuple[int, int] = (32, 24)) -> Picture:
    (drawn,) = HashGenerator(size=size).generate([Recipe(Prompt("something"), seed)])
    assert isinstance(drawn, Picture)
    return drawn


def some_edit(seed: int = 1, change: str = "make it red", **more: Any) -> Edit:
    return Edit(more.pop("picture", picture()), change, Recipe(Prompt(more.pop("text", "a red cat")), seed), **more)


@pytest.fixture(scope="module")
def made(family: Callable[[str], Path]) -> Callable[[str], Editor]:
    known: dict[str, Editor] = {"hash": HashEditor(failing=[FAILING])}

    def make(name: str) -> Editor:
        if name not in known:
            known[name] = editor(f"diffusers:{family(name)}")
        return known[name]

    return make


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Qwen-Image-Edit looks at every picture at a megapixel, which takes minutes here; let it look at 64 x 64."""
    for name in ("pipeline_qwenimage_edit", "pipeline_qwenimage_edit_plus"):
        module = import_module(f"diffusers.pipelines.qwenimage.{name}")
        whole = module.calculate_dimensions
        monkeypatch.setattr(module, "calculate_dimensions", partial(smaller, whole))


def smaller(whole: Callable[[int, float], Any], _: int, ratio: float) -> Any:
    return whole(64 * 64, ratio)


PAINTERS = ["sd", "sdxl", "sd3", "flux", "qwen-image", "sd-inpaint"]
TOLD = ["instruct-pix2pix", "flux-kontext", "qwen-image-edit", "qwen-image-edit-plus"]


@pytest.fixture(params=["hash", *PAINTERS, *TOLD])
def subject(request: pytest.FixtureRequest, made: Callable[[str], Editor]) -> Editor:
    return made(request.param)


def edited(model: Editor, *edits: Edit) -> list[Picture]:
    results = model.edit(edits)
    assert all(isinstance(item, Picture) for item in results), results
    return [item for item in results if isinstance(item, Picture)]


def pixels(one: Picture) -> np.ndarray:
    return np.asarray(one.image(), int)


def test_an_edit_names_the_picture_it_was_made_from(subject: Editor) -> None:
    region = Region(0, 0, 16, 16)
    (new,) = edited(subject, some_edit(region=region))
    said = read(new.png)
    assert said is not None
    assert said.edit is not None
    assert (said.edit.picture, said.edit.change, said.edit.region) == (picture().sha256, "make it red", region)


def test_order_size_and_identity(subject: Editor) -> None:
    assert isinstance(subject, Editor)
    edits = [
        some_edit(seed, picture=picture(size=size)) for seed, size in ((2, (32, 24)), (1, (16, 16)), (3, (32, 24)))
    ]
    results = edited(subject, *edits)
    assert [one.recipe.seed for one in results] == [2, 1, 3]
    assert [one.image().size for one in results] == [(32, 24), (16, 16), (32, 24)]
    assert {one.model for one in results} == {subject.identity}
    said = read(results[0].png)
    assert said is not None
    assert said.recipe.prompt == Prompt("a red cat")


def test_the_same_edit_gives_the_same_bytes_and_another_another(subject: Editor) -> None:
    def partly(seed: int, before: Picture) -> Edit:
        settings = Recipe(Prompt("a red cat"), seed, steps=10)
        return Edit(before, "make it red", settings, strength=0.5)

    first, again = (edited(subject, partly(1, picture()))[0] for _ in range(2))
    assert first == again
    other_picture, other_seed = edited(subject, partly(1, picture(5)), partly(2, picture()))
    assert first.sha256 not in (other_picture.sha256, other_seed.sha256, picture().sha256)


def test_nothing_outside_of_the_region_changes(subject: Editor) -> None:
    region = Region(4, 8, 12, 8)
    (new,) = edited(subject, some_edit(region=region))
    changed = (pixels(new) != pixels(picture())).any(-1)
    soft = np.asarray(feathered(region_mask((32, 24), region), rim((32, 24)))) > 0
    assert changed.any()
    assert not changed[~soft].any()


def test_a_refused_edit_fails_in_its_place(subject: Editor) -> None:
    refused = some_edit(FAILING, region=Region(20, 20, 40, 4))
    first, failed, last = subject.edit([some_edit(1), refused, some_edit(2)])
    assert isinstance(failed, Failure)
    assert failed.reason
    assert isinstance(first, Picture)
    assert isinstance(last, Picture)
    assert subject.edit([]) == []


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_pixels_outside_are_equal_for_any_region(data: st.DataObject, made: Callable[[str], Editor]) -> None:
    width, height = data.draw(st.sampled_from([(16, 16), (33, 24), (24, 50)]))
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    region = Region(x, y, data.draw(st.integers(1, width - x)), data.draw(st.integers(1, height - y)))
    before = picture(3, (width, height))
    (new,) = edited(
        made("sd"), some_edit(picture=before, region=region, strength=data.draw(st.sampled_from([0.5, 1.0])))
    )
    soft = np.asarray(feathered(region_mask((width, height), region), rim((width, height)))) > 0
    assert new.image().size == (width, height)
    assert (pixels(new) == pixels(before))[~soft].all()


# --- what an editor is told ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "hears_change"), [*((name, True) for name in TOLD), ("sd", False)])
def test_instruction_editors_hear_the_change_and_painters_the_whole(
    name: str, hears_change: bool, made: Callable[[str], Editor]
) -> None:
    model = made(name)
    base, other_change, other_text = (
        pixels(one)
        for one in edited(model, some_edit(), some_edit(change="add two dogs"), some_edit(text="two green dogs"))
    )
    assert (base != other_change).any() == hears_change
    assert (base != other_text).any() != hears_change


def test_less_strength_keeps_more() -> None:
    text = "a red circle; high quality"
    (start,) = generator("microworld").generate([Recipe(Prompt(text), 1)])
    assert isinstance(start, Picture)
    edits = [some_edit(2, text="a blue square", strength=strength, picture=start) for strength in (0.2, 1.0)]
    little, much = (np.abs(pixels(one) - pixels(start)).mean() for one in edited(editor("microworld"), *edits))
    assert little < much


def test_strength_out_of_range_and_pipelines_that_cannot(made: Callable[[str], Editor]) -> None:
    (failed,) = made("sd").edit([some_edit(strength=1.5)])
    assert isinstance(failed, Failure)
    assert "1.5" in failed.reason
    (failed,) = made("sd").edit([some_edit(strength=0.1)])
    assert isinstance(failed, Failure)
    assert "less than one step" in failed.reason
    (failed,) = made("pixart").edit([some_edit()])
    assert isinstance(failed, Failure)
    assert "PixArtSigmaPipeline cannot" in failed.reason


@pytest.mark.parametrize("name", ["", "sdxl", "diffusers:", "microworld:x", "images:dall-e"])
def test_an_unknown_name_lists_the_schemes(name: str) -> None:
    with pytest.raises(UnknownModel) as caught:
        editor(name)
    assert all(scheme in str(caught.value) for scheme in EDITORS)


def test_a_qwen_editor_whose_processor_is_not_there_says_so(family: Callable[[str], Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(family("qwen-image-edit"), tmp_path / "copy"))
    (folder / "processor" / "preprocessor_config.json").unlink()
    with pytest.raises(WeightsError, match="processor does not load"):
        editor(f"diffusers:{folder}").edit([some_edit()])


# --- the ledger ----------------------------------------------------------------------------------------------------


def test_an_edit_is_paid_once_and_counts_as_a_picture(tmp_path: Path) -> None:
    model = HashEditor()
    edits = [some_edit(1), some_edit(2), some_edit(1, region=Region(0, 0, 4, 4)), some_edit(1, strength=0.5)]
    with Ledger.open(tmp_path) as ledger:
        first = recorded(model, ledger).edit(edits)
        assert recorded(model, ledger).edit(edits) == first
        assert ledger.spend().pictures == len(model.log.items) == 4
        assert isinstance(first[0], Picture)
        assert ledger.picture(first[0].sha256) == first[0]
        assert ledger.pictures() == first


def test_a_real_editor_through_the_ledger(family: Callable[[str], Path], tmp_path: Path) -> None:
    model = DiffusersEditor(family("sd"), batch=2)
    edits = [some_edit(seed, region=Region(0, 0, 8, 8)) for seed in range(3)]
    with Ledger.open(tmp_path) as ledger:
        whole = recorded(model, ledger).edit(edits)
    with Ledger.open(tmp_path / "other") as ledger:
        door = recorded(model, ledger)
        part = door.edit(edits[:1])
        assert isinstance(part[0], Picture)
        again = door.edit(edits)
        assert [one.recipe for one in again if isinstance(one, Picture)] == [edit.recipe for edit in edits]
        assert again[1:] == whole[1:]
