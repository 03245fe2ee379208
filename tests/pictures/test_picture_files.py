"""Pictures with their metadata: written, read back, saved again, and refused when they make no sense."""

import io
import json
import re
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from limner.errors import PictureError, StorageError
from limner.pictures import Metadata, Origin, encode, read, save, strip, with_metadata
from limner.pictures.chunks import MAX_TEXT, MAX_TEXT_CHUNKS, read_text, replace_text
from limner.types import Instruction, Picture, Prompt, Recipe, Region

RECIPE = Recipe(Prompt("a red circle, on blue", "blurry"), 7, 48, 32, 16, 3.5, "DDIMScheduler")
IMAGE = Image.effect_noise((48, 32), 60).convert("RGB")

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
names = st.none() | texts
recipes = st.builds(
    Recipe,
    st.builds(Prompt, texts, texts),
    st.integers(0, 2**63 - 1),
    st.integers(8, 4096),
    st.integers(8, 4096),
    st.none() | st.integers(1, 150),
    st.none() | st.floats(0, 30),
    names,
)
stories = st.builds(
    Metadata,
    recipes,
    texts,
    names,
    st.none() | st.builds(Instruction, texts, names, st.integers(0, 50), texts),
    st.dictionaries(texts, st.none() | st.floats(allow_nan=False, allow_infinity=False), max_size=3),
    names,
    names,
    st.none()
    | st.builds(
        Origin,
        texts,
        texts,
        st.none() | st.builds(Region, *[st.integers(0, 4096)] * 4),
        st.none() | st.floats(0, 1, exclude_min=True),
        names,
    ),
)


def pillow(png: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(png))
    image.load()
    return image


def picture(**extras: Any) -> Picture:
    return Picture(encode(IMAGE, RECIPE, "test", **extras), RECIPE, "test")


def keywords(png: bytes) -> list[bytes]:
    """Text keywords of a file, in order, by another reading than ours."""
    return re.findall(rb"(?:tEXt|iTXt)([\w ]+)\0", png[: png.index(b"IDAT")])


@given(stories)
def test_what_is_written_is_read(story: Metadata) -> None:
    png = with_metadata(encode(IMAGE, RECIPE, "test"), story)
    assert read(png) == story
    assert pillow(png).tobytes() == IMAGE.tobytes()
    assert json.loads(pillow(png).info["limner"])["version"] == 1


@given(recipes, texts)
@example(Recipe(Prompt("a cat"), 0, scheduler='"'), ' "')
def test_other_tools_find_prompt_and_settings(recipe: Recipe, request_text: str) -> None:
    """The text is taken apart as AUTOMATIC1111 does it."""
    text = pillow(encode(IMAGE, recipe, "a model", query=request_text)).info["parameters"]
    *lines, last = text.strip().split("\n")
    pairs = dict(re.findall(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)', last))
    assert len(pairs) >= 4
    assert (pairs["Seed"], pairs["Size"], pairs["Model"]) == (str(recipe.seed), "48x32", "a model")
    assert pairs["Version"].startswith("limner ")
    if request_text and request_text.isprintable():
        said = pairs["Raw prompt"]
        assert (json.loads(said) if said.startswith('"') else said) == request_text
    starts = [line for line in lines if line.strip().startswith("Negative prompt:")]
    assert len(starts) == bool(recipe.prompt.negative)


def test_the_parameters_text_is_the_one_people_know() -> None:
    assert (
        pillow(picture(query="a circle: red").png)
        .info["parameters"]
        .startswith(
            "a red circle, on blue\nNegative prompt: blurry\n"
            "Steps: 16, Sampler: DDIMScheduler, CFG scale: 3.5, Seed: 7, Size: 48x32, Model: test, "
            'Raw prompt: "a circle: red", Version: "'.removesuffix('"')
        )
    )


@pytest.mark.parametrize("text", ["a\nNegative prompt: b", "Negative prompt: b", "a\n  Steps: 3\nc", "Steps: 4"])
def test_a_prompt_cannot_pass_for_settings(text: str) -> None:
    png = encode(IMAGE, Recipe(Prompt(text, "ugly"), 1), "test")
    lines = pillow(png).info["parameters"].split("\n")
    assert [line for line in lines if line.strip().startswith("Negative prompt:")] == ["Negative prompt: ugly"]
    said = read(png)
    assert said is not None
    assert said.recipe.prompt.text == text


def test_the_same_input_gives_the_same_bytes() -> None:
    marked = IMAGE.copy()
    marked.info = {"comment": "from elsewhere", "transparency": (0, 0, 0), "gamma": 0.5, "icc_profile": b"x"}
    assert picture().png == picture().png == encode(marked, RECIPE, "test")


def test_text_stands_before_the_pixels_and_is_never_comfys() -> None:
    assert keywords(picture().png) == [b"parameters", b"limner"]


def test_saving_adds_history_and_keeps_the_pixels(tmp_path: Path) -> None:
    shot, told = picture(), Instruction("Be brief.", round=2)
    first = save(shot, tmp_path / "new" / "a.png", query="a circle", instruction=told, scores={"hps": 21.5})
    again = Picture(first.read_bytes(), RECIPE, "test")
    second = save(again, tmp_path / "b.png", scores={"questions": None}, session="s1", span="0f")
    assert read(second) == Metadata(
        RECIPE, "test", "a circle", told, {"hps": 21.5, "questions": None}, session="s1", span="0f"
    )
    assert keywords(second.read_bytes()) == [b"parameters", b"limner"]
    pixels = [re.search(rb"IDAT.*", png, re.DOTALL) for png in (shot.png, second.read_bytes())]
    assert pixels[0] is not None
    assert pixels[1] is not None
    assert pixels[0][0] == pixels[1][0]
    assert not list(tmp_path.glob("**/.*"))


def test_an_edit_names_the_picture_it_was_made_from(tmp_path: Path) -> None:
    origin = Origin("ab" * 32, "make it red", Region(0, 0, 8, 8), 0.6)
    edited = Picture(encode(IMAGE, RECIPE, "test", edit=origin), RECIPE, "test")
    assert "Denoising strength: 0.6" in pillow(edited.png).info["parameters"]
    said = read(save(edited, tmp_path / "a.png", original="fox.png"))
    assert said is not None
    assert said.edit == replace(origin, file="fox.png")


def test_metadata_can_be_left_out(tmp_path: Path) -> None:
    bare = save(picture(), tmp_path / "bare.png", metadata=False).read_bytes()
    assert keywords(bare) == []
    assert read(bare) is None
    assert bare == strip(picture().png)
    assert pillow(bare).tobytes() == IMAGE.tobytes()


def test_other_peoples_entries_stay() -> None:
    png = replace_text(strip(picture().png), {"Software": "Krita", "Title": "Kreis é 圓"})
    assert read(png) is None
    assert read_text(with_metadata(png, Metadata(RECIPE, "test")))["Title"] == "Kreis é 圓"


def test_the_disk_refuses(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"file/a\.png"):
        save(picture(), tmp_path / "file" / "a.png")


# --- hostile files -------------------------------------------------------------------------------------------------


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"none\.png"):
        read(tmp_path / "none.png")


@given(st.binary(max_size=200))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(PictureError):
        read(noise)


@given(st.data())
def test_a_damaged_file_is_refused_or_unharmed(data: st.DataObject) -> None:
    png = bytearray(picture().png)
    at = data.draw(st.integers(0, png.index(b"IDAT") - 5))
    png[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(PictureError):
        read(bytes(png))


@pytest.mark.parametrize("kept", [0, 7, 20, 200])
def test_a_cut_off_file_is_refused(kept: int) -> None:
    with pytest.raises(PictureError):
        read(picture().png[:kept])


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "{",
        "[" * 100_000,
        "[1]",
        "{}",
        '{"version": 2}',
        '{"version": 1}',
        '{"version": 1, "model": "m", "recipe": {"prompt": "a", "seed": 1}}',
        '{"version": 1, "model": "m", "recipe": {"prompt": {"text": "a"}, "seed": "__import__"}}',
        '{"version": 1, "model": "m", "recipe": {"prompt": {"text": "a"}, "seed": 1}, "scores": {"hps": "high"}}',
        '{"version": 1, "model": "m", "recipe": {"prompt": {"text": "a"}, "seed": 1' + "0" * 5000 + "}}",
    ],
)
def test_an_entry_without_sense_is_refused(entry: str) -> None:
    with pytest.raises(PictureError):
        read(replace_text(picture().png, {"limner": entry}))


def test_too_much_text_is_refused() -> None:
    with pytest.raises(PictureError, match="too much text"):
        read(replace_text(picture().png, {"comment": "x" * MAX_TEXT}))
    with pytest.raises(PictureError, match="too much text"):
        read(replace_text(picture().png, {f"c{number}": "" for number in range(MAX_TEXT_CHUNKS)}))


def test_compressed_text_is_never_unpacked() -> None:
    bomb = zlib.compress(b"0" * 50_000_000, 9)
    body = b"zTXtlimner\0\0" + bomb
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    png = strip(picture().png)
    assert read(png[:33] + chunk + png[33:]) is None
