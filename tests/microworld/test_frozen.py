"""The frozen world: nothing that claims rest on changes without a new version."""

from __future__ import annotations

from pathlib import Path

import pytest

from limner.errors import UsageError
from limner.microworld.frozen import LAW, differences, freeze, hashes, main, recorded


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A package in small: a painter of two files, the law's modules and a catalogue."""
    files = {
        "microworld/weights/painter/model_index.json": "{}",
        "microworld/weights/painter/unet/model.safetensors": "numbers",
        "agents/catalogue.py": 'import this\n\nCATALOGUE: tuple[str, ...] = ("Be brief.",)\nSTART = CATALOGUE[0]\n',
        **{f"microworld/{name}.py": f'"""{name}."""\n\nSIDE = 48\n' for name in LAW},
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_the_world_is_as_it_was_frozen() -> None:
    changed = differences(recorded().hashes, hashes())
    assert not changed, (
        "The frozen world changed: undo that, or freeze it by `python -m limner.microworld.frozen --write VERSION` "
        f"with a new version and measure every claim again. {changed}"
    )


def test_the_command_agrees(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert capsys.readouterr().out == f"world {recorded().version}: 0 of {len(recorded().hashes)} differ\n"


def test_the_frozen_version_is_not_given_twice(capsys: pytest.CaptureFixture[str]) -> None:
    before = recorded()
    assert main(["--write", before.version]) == 2
    assert "new version" in capsys.readouterr().err
    assert recorded() == before


@pytest.mark.parametrize(
    ("name", "old", "new", "line"),
    [
        ("microworld/law.py", "48", "64", "changed: law/law"),
        ("microworld/captions.py", "SIDE", "WIDTH", "changed: law/captions"),
        ("agents/catalogue.py", "Be brief.", "Be long.", "changed: catalogue/CATALOGUE"),
        ("agents/catalogue.py", "CATALOGUE:", "TABLE:", "gone: catalogue/CATALOGUE"),
        ("microworld/weights/painter/model_index.json", "{}", "[]", "changed: painter/model_index.json"),
    ],
)
def test_a_change_is_named(house: Path, name: str, old: str, new: str, line: str) -> None:
    then = hashes(house)
    (house / name).write_text((house / name).read_text().replace(old, new))
    assert differences(then, hashes(house)) == [line]


def test_a_file_more_is_named(house: Path) -> None:
    then = hashes(house)
    (house / "microworld/weights/painter/limner.json").write_text("{}")
    assert differences(then, hashes(house)) == ["new: painter/limner.json"]


@pytest.mark.parametrize(
    "text",
    [
        '"""Other words."""\n\nSIDE = 48\n',
        '"""law."""\nSIDE = (\n    48  # pixels\n)\n"""Side."""\n',
        "SIDE = 48\n",
    ],
)
def test_layout_and_comments_do_not_count(house: Path, text: str) -> None:
    then = hashes(house)
    (house / "microworld/law.py").write_text(text)
    assert hashes(house) == then


def test_freezing_takes_a_new_version(house: Path) -> None:
    file = house / "frozen.json"
    world = freeze("1", file, house)
    assert recorded(file) == world
    (house / "microworld/law.py").write_text("SIDE = 64\n")
    with pytest.raises(UsageError, match="new version"):
        freeze("1", file, house)
    assert recorded(file) == world
    assert differences(world.hashes, freeze("2", file, house).hashes) == ["changed: law/law"]
