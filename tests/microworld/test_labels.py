from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from limner.microworld import labels
from limner.microworld.labels import labelled, parse
from limner.microworld.law import Scene, Thing
from limner.microworld.oracle import UNCLEAR, Reading
from limner.microworld.render import render
from limner.microworld.splits import some_scene


class Renderer:
    """A pipeline that paints the scenes it was given, one after another."""

    def __init__(self, scenes: Sequence[Scene]) -> None:
        self.scenes = list(scenes)
        self.prompts: list[str] = []

    def __call__(self, prompts: Sequence[str], **_: Any) -> SimpleNamespace:
        self.prompts += prompts
        rng = np.random.default_rng(0)
        images = [Image.fromarray(render(self.scenes.pop(0), rng)) for _ in prompts]
        return SimpleNamespace(images=images)


def in_words(reading: Reading) -> str:
    well = {True: "yes", False: "no", None: "?"}[reading.well]
    cells = [
        f"{cell}:{'?' if thing is UNCLEAR else f'{thing.size} {thing.colour} {thing.shape}'}"
        for cell, thing in enumerate(reading.cells)
        if thing is not None
    ]
    return " ".join([f"ground={reading.ground or '?'} well={well}", *cells])


@given(seed=st.integers(0, 10_000), hidden=st.sets(st.integers(0, 8)), well=st.sampled_from([True, False, None]))
@settings(max_examples=50, deadline=None)
def test_a_label_says_a_reading(seed: int, hidden: set[int], well: bool | None) -> None:
    scene = some_scene(np.random.default_rng(seed), "train")
    standing = {thing.cell: thing for thing in scene.things}
    cells = tuple(UNCLEAR if cell in hidden else standing.get(cell) for cell in range(9))
    reading = Reading(cells, None if 0 in hidden else scene.ground, well)
    assert parse(in_words(reading)) == reading


@pytest.mark.parametrize(
    ("label", "complaint"),
    [
        ("well=no 0:small red cross", "begins with"),
        ("ground=grey", "begins with"),
        ("ground=grey well=no small red cross", "begins with"),
        ("ground=mauve well=no", "ground is one of white"),
        ("ground=grey well=maybe", "well is one of yes"),
        ("ground=grey well=no 0:red cross", "size colour shape"),
        ("ground=grey well=no 0:small red hexagon", "hexagon"),
        ("ground=grey well=no 0:red small cross", "'small'"),
        ("ground=grey well=no 9:small red cross", "0 to 8"),
        ("ground=grey well=no 0:? 0:small red cross", "named once"),
    ],
)
def test_a_label_that_is_not_understood_is_refused_by_its_part(label: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse(label)


def drawn(folder: Path, count: int = 23) -> list[Image.Image]:
    rng = np.random.default_rng(5)
    scenes = [some_scene(rng, "train") for _ in range(count)]
    labels.draw(Renderer(scenes), folder, count, seed=3)
    return Renderer(scenes)(["again"] * count).images


def test_what_is_drawn_and_labelled_comes_back_pixel_by_pixel(tmp_path: Path) -> None:
    pictures = drawn(tmp_path)
    said = [f"ground=grey well=yes {index % 9}:?" for index in range(len(pictures))]
    lines = [f"{index:03} {label}" for index, label in enumerate(said)]
    (tmp_path / "labels.txt").write_text("# by somebody\n\n" + "  # a remark\n".join(reversed(lines)), encoding="utf-8")
    assert labels.check(tmp_path / "labels.txt") == tmp_path / "labels.json"
    rows = labelled(tmp_path)
    assert [row.reading for row in rows] == [parse(label) for label in said]
    assert [row.prompt for row in rows] == labels.prompts(len(pictures), seed=3)
    for row, picture in zip(rows, pictures, strict=True):
        assert np.array_equal(np.asarray(row.picture), np.asarray(picture))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("000 ground=grey well=yes", "no label for the pictures 1, 2"),
        ("000 ground=grey well=yes\n000 ground=grey well=yes", "line 2: .*labelled once"),
        ("003 ground=grey well=yes", "line 1: pictures are 0 to 2"),
        ("000 ground=grey well=yes\n\n001 ground=gray well=yes", "line 3: ground is one of"),
        ("first ground=grey well=yes", "line 1"),
    ],
)
def test_labels_that_cannot_be_packed_are_refused_by_line(tmp_path: Path, text: str, complaint: str) -> None:
    drawn(tmp_path, 3)
    (tmp_path / "labels.txt").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=complaint):
        labels.check(tmp_path / "labels.txt")
    assert not (tmp_path / labels.LABELS).exists()


def test_where_two_labellers_differ_the_label_is_open(tmp_path: Path) -> None:
    drawn(tmp_path, 2)
    said = {
        "first": "000 ground=grey well=yes 0:small red cross 4:?\n001 ground=white well=no 8:large blue ring",
        "second": "000 ground=grey well=no 0:small red cross 4:? 5:?\n001 ground=? well=no 8:small blue ring",
    }
    files = [tmp_path / f"{name}.txt" for name in said]
    for file, text in zip(files, said.values(), strict=True):
        file.write_text(text, encoding="utf-8")
    labels.check(*files)
    one, two = labelled(tmp_path)
    assert one.reading == parse("ground=grey well=? 0:small red cross 4:? 5:?")
    assert two.reading == parse("ground=? well=no 8:?")
    assert [len(label.seen) for label in (one, two)] == [2, 2]


def test_prompts_cover_the_whole_mix_evenly() -> None:
    asked = labels.prompts(60, seed=11)
    manners = [
        next((name for name, words in labels.MANNERS.items() if any(word in prompt for word in words)), "none")
        for prompt in asked
    ]
    assert {name: manners.count(name) for name in labels.MANNERS} == {"quality": 20, "rough": 20, "none": 20}
    assert asked == labels.prompts(60, seed=11) != labels.prompts(60, seed=12)


def test_sheets_number_every_picture_and_show_no_prompt(tmp_path: Path) -> None:
    drawn(tmp_path)
    sheets = sorted(path.name for path in tmp_path.glob("sheet-*.png"))
    assert sheets == ["sheet-000.png", "sheet-012.png"]
    with Image.open(tmp_path / sheets[0]) as sheet:
        assert min(sheet.size) >= 3 * 240
    assert len(json.loads((tmp_path / labels.PROMPTS).read_text(encoding="utf-8"))) == 23


def test_a_thing_is_labelled_in_the_words_of_the_law() -> None:
    reading = parse("ground=? well=? 8:large blue ring")
    assert reading.cells[8] == Thing("ring", "blue", "large", 8)
    assert (reading.ground, reading.well, reading.clear) == (None, None, True)
