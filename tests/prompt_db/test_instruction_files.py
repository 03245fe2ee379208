from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.errors import StorageError, UsageError
from limner.prompt_db import load_instruction, save_instruction
from limner.types import Instruction

START = Instruction("Refine this prompt.")
CHILD = Instruction("Refine this prompt. Say “where”.", parent=START.id, round=2, reason="places were left out")
GRANDCHILD = Instruction("Say “where”.", parent=CHILD.id, round=3)

texts = st.text(st.characters(codec="utf-8"), min_size=1)


@given(st.lists(texts, min_size=1, max_size=5, unique=True))
def test_a_lineage_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, generations: list[str]) -> None:
    lineage: list[Instruction] = []
    for number, text in enumerate(generations):
        lineage.append(Instruction(text, lineage[-1].id if lineage else None, number, "why" * number))
    path = tmp_path_factory.getbasetemp() / "instruction.json"
    save_instruction(path, lineage)
    assert load_instruction(path) == tuple(lineage)


def test_the_file_says_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "kept" / "instruction.json"
    save_instruction(path, [START, CHILD])
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["limner"] == 1
    assert content["instruction"]["text"] == CHILD.text
    assert content["instruction"]["lineage"][0]["text"] == START.text
    assert [file.name for file in path.parent.iterdir()] == ["instruction.json"]


def test_an_instruction_whose_ancestors_are_elsewhere_is_accepted(tmp_path: Path) -> None:
    save_instruction(tmp_path / "i.json", [GRANDCHILD])
    assert load_instruction(tmp_path / "i.json") == (GRANDCHILD,)


def test_a_text_file_is_the_instruction_in_plain_english(tmp_path: Path) -> None:
    save_instruction(tmp_path / "best.txt", [START, CHILD])
    assert (tmp_path / "best.txt").read_text(encoding="utf-8") == CHILD.text + "\n"
    assert load_instruction(tmp_path / "best.txt") == (Instruction(CHILD.text),)


@pytest.mark.parametrize(("content", "complaint"), [(b" \n", "is empty"), (b"\xff\xfe\x00", "no text in UTF-8")])
def test_a_text_file_that_says_nothing_is_refused(tmp_path: Path, content: bytes, complaint: str) -> None:
    (tmp_path / "best.txt").write_bytes(content)
    with pytest.raises(UsageError, match=complaint):
        load_instruction(tmp_path / "best.txt")


@pytest.mark.parametrize("lineage", [[], [START, GRANDCHILD], [CHILD, START], [Instruction("")]])
def test_what_is_no_lineage_is_not_written(tmp_path: Path, lineage: list[Instruction]) -> None:
    with pytest.raises(UsageError, match=r"i\.json"):
        save_instruction(tmp_path / "i.json", lineage)
    assert not (tmp_path / "i.json").exists()


def edited(content: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**content, "instruction": {**content["instruction"], **changes}}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda content: edited(content, text="Another text."), r"was changed.*undo the edit"),
        (lambda content: edited(content, lineage=[]) | {"limner": 2}, "limner: Input should be 1"),
        (lambda content: edited(content, parent="i-other"), "its parent is i-other"),
        (lambda content: edited(content, colour="red"), "colour: Extra inputs are not permitted"),
        (lambda content: {"limner": 1}, "instruction: Field required"),
        (lambda content: [content], "not an exported instruction"),
    ],
)
def test_a_file_that_was_tampered_with_is_refused(tmp_path: Path, change: Any, complaint: str) -> None:
    path = tmp_path / "instruction.json"
    save_instruction(path, [START, CHILD])
    path.write_text(json.dumps(change(json.loads(path.read_text(encoding="utf-8")))))
    with pytest.raises(UsageError, match=rf"(?s)instruction\.json.*{complaint}"):
        load_instruction(path)


def test_files_that_cannot_be_read_or_written_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"missing\.json.*No such file"):
        load_instruction(tmp_path / "missing.json")
    (tmp_path / "prose.json").write_bytes(b"Refine this prompt.\xff")
    with pytest.raises(UsageError, match=r"prose\.json is not an exported instruction"):
        load_instruction(tmp_path / "prose.json")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageError, match="folder"):
        save_instruction(tmp_path / "folder", [START])
    assert [file.name for file in sorted(tmp_path.iterdir())] == ["folder", "prose.json"]
