"""README and docs are right: Python runs, commands parse, settings load, links lead somewhere."""

import linecache
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer

from limner import settings
from limner.cli.main import app

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SLOW = "<!-- slow -->\n"
"""Stands before a block that draws with real models; it runs by itself."""
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
INLINE = re.compile(r"`(limner [^`]+)`")


class Block(NamedTuple):
    """A fenced block: where it begins, its language, its text, and whether it is slow."""

    path: Path
    line: int
    language: str
    text: str
    slow: bool

    @property
    def name(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}"

    def code(self) -> Any:
        """Compiled, with tracebacks that show the document's own lines."""
        linecache.cache[self.name] = (len(self.text), None, self.text.splitlines(keepends=True), self.name)
        return compile(self.text, self.name, "exec")


def blocks(*languages: str) -> Iterator[Block]:
    for path in DOCUMENTS:
        text = path.read_text()
        for found in FENCE.finditer(text):
            if found[1] in languages:
                line = text.count("\n", 0, found.start()) + 1
                yield Block(path, line, found[1], found[2], text[: found.start()].endswith(SLOW))


def stories() -> list[Any]:
    """What is run together: a document's quick blocks as one, each slow block alone."""
    runnable = list(blocks("python"))
    quick = [[one for one in runnable if one.path == path and not one.slow] for path in DOCUMENTS]
    slow = [pytest.param([one], id=one.name, marks=pytest.mark.slow) for one in runnable if one.slow]
    return [pytest.param(story, id=story[0].name) for story in quick if story] + slow


@pytest.mark.parametrize("story", stories())
def test_python_runs(story: list[Block], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {}
    for block in story:
        exec(block.code(), namespace)


@pytest.mark.parametrize("block", list(blocks("py")), ids=lambda block: block.name)
def test_python_that_needs_more_than_this_machine_has_compiles(block: Block) -> None:
    block.code()


def command_lines() -> Iterator[tuple[str, str]]:
    for block in blocks("console", "bash", "sh"):
        for line in block.text.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                del words[0]
            if words[:1] == ["limner"]:
                yield block.name, shlex.join(words)
    for path in DOCUMENTS:
        for line in INLINE.findall(FENCE.sub("", path.read_text())):
            yield path.name, line


@pytest.mark.parametrize(("where", "line"), sorted(set(command_lines())))
def test_command_line_parses(where: str, line: str) -> None:
    words = [word for word in shlex.split(line)[1:] if word != "--debug"]
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands") and words not in ([], ["--help"]):
        assert words[0] in command.commands, f"{where}: `{line}` names no command"
        command = command.commands[words.pop(0)]
    if hasattr(command, "commands") or words in ([], ["--help"]):
        return  # prose that names a group or a command
    command.make_context(command.name, words)


@pytest.mark.parametrize("block", list(blocks("toml")), ids=lambda block: block.name)
def test_settings_load(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(settings.CONFIG_FILE).write_text(block.text)
    assert settings.load() != settings.Settings.model_construct()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    targets = [target for target in LINK.findall(path.read_text()) if "://" not in target]
    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_every_public_name_is_in_a_document() -> None:
    import limner

    told = "".join(path.read_text() for path in DOCUMENTS)
    assert [name for name in limner.__all__ if not re.search(rf"\b{name}\b", told)] == []


def test_every_design_page_is_in_the_index() -> None:
    index = ROOT / "docs" / "design" / "00-house.md"
    pages = {path.name for path in index.parent.glob("*.md")} - {index.name}
    assert pages - set(LINK.findall(index.read_text())) == set()
