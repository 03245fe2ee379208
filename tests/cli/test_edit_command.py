"""`limner draw` and `limner edit` with the embedded painter: what is asked for happens, and nothing else."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from limner.cli.main import main
from limner.pictures import Origin, read
from limner.types import Region


def run(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> Any:
    with pytest.raises(SystemExit) as ended:
        main([*map(str, arguments), "--json"])
    assert (ended.value.code or 0) == code
    out, err = capsys.readouterr()
    return json.loads(out) if not code else err


def sha256(file: str | Path) -> str:
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_draw_then_edit_a_region(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene = "a big {} at the top left, a big blue square at the bottom right, on white ground; high quality"
    (file,) = run(capsys, "draw", scene.format("red circle"), "--seed", 7)["files"]
    edited = run(
        capsys, "edit", file, "make the circle green", "--region", "0,0,16,16", "--prompt",
        scene.format("green circle"), "--n", 2, "--seed", 1,
    )  # fmt: skip
    assert edited["failed"] == 0
    before, after = (np.asarray(Image.open(name).convert("RGB"), int) for name in (file, edited["files"][0]))
    assert (before[20:] == after[20:]).all()
    red, green = before[6:10, 6:10].mean((0, 1)), after[6:10, 6:10].mean((0, 1))
    assert red[0] > red[1] + 50
    assert green[1] > green[0] + 30
    said = read(edited["files"][1])
    assert said is not None
    assert said.recipe.seed == 2
    assert said.recipe.prompt.text == scene.format("green circle")
    assert said.session == edited["session"]
    original = Origin(sha256(file), "make the circle green", Region(0, 0, 16, 16), 1.0, "0001.png")
    assert said.edit == original
    inspected = run(capsys, "inspect", edited["files"][1])["made"]
    assert inspected["more"]["edit"] == {
        "picture": sha256(file), "change": "make the circle green", "region": [0, 0, 16, 16], "strength": 1.0,
        "file": "0001.png",
    }  # fmt: skip


def test_what_is_made_without_metadata_says_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawn = run(capsys, "draw", "a red circle", "--n", 2, "--grid", "--strip-metadata", "--steps", 2)["files"]
    edited = run(capsys, "edit", drawn[0], "a blue square", "--strip-metadata", "--steps", 2)["files"]
    assert len(drawn) == 3
    for file in [*drawn, *edited]:
        assert b"red" not in Path(file).read_bytes()
        assert run(capsys, "inspect", file)["made"] is None


def test_a_photograph_is_edited_as_it_is_seen(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A camera's picture is stored lying and shown upright; its identity is the file's."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (48, 32), "white").save(here / "photo.jpg", exif=exif)
    (file,) = run(capsys, "edit", "photo.jpg", "a red circle", "--region", "0,0,8,8", "--steps", 2)["files"]
    said = read(file)
    assert said is not None
    assert (said.recipe.width, said.recipe.height) == (32, 48)
    assert said.edit is not None
    assert (said.edit.picture, said.edit.file) == (sha256(here / "photo.jpg"), "photo.jpg")
    assert said.recipe.prompt.text == "a red circle"  # which stood for the whole picture


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (["--region", "1,2"], "x,y,width,height"),
        (["--region", "40,40,20,20"], "not within"),
        (["--editor", "images:dall-e"], "Unknown editor"),
        (["--lora", "a:nan"], "nan"),
    ],
)
def test_bad_arguments_say_what_to_do(
    more: list[str], named: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (48, 48)).save(here / "black.png")
    code = 1 if named == "not within" else 2
    with pytest.raises(SystemExit) as ended:
        main(["edit", "black.png", "a red circle", *more])
    assert ended.value.code == code
    assert named in capsys.readouterr().err


def test_what_is_no_picture_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "words.png").write_text("not a picture")
    assert "not a picture" in run(capsys, "edit", "words.png", "red", code=2)
