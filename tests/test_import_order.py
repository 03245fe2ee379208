"""The order of the house: a room imports only from rooms below it, and heavy libraries only where they are used."""

import ast
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import limner

ROOT = Path(limner.__file__).parent
HOUSE = ROOT.parent

LEVELS = (
    # from the ground up; rooms of one level do not know each other unless they stand in BESIDE
    {"types", "errors", "protocols", "settings", "statistics", "quiet", "weights", "devices", "tracing.spans"},
    {"ledger"},
    {"results", "tracing"},
    {"llm", "bandits", "pictures", "presets"},
    {"generation", "scoring", "prompt_db"},
    {"agents"},
    {"graph"},
    {"bench", "training"},
    {"cli", "studio"},
)
SPANS = {"spans", "recorder", "otlp", "trace_file", "content"}
"""Modules of `tracing` that make up its ground floor: spans, and what writes them down."""
BESIDE = {
    "settings": {"errors", "types"},
    "statistics": {"types"},
    "protocols": {"types"},
    "quiet": set(),
    "weights": {"errors"},
    "devices": {"errors"},
    "tracing.spans": {"types", "errors"},
    "results": {"tracing"},  # the notebook's summary of a result is made by the report, when it is asked for
    "tracing": {"results"},
}
TESTING = {"bench"}
"""Rooms that may use the fakes that ship."""
WORLD = {"bench", "cli.demo"}
"""What may look into the embedded world; the others see its queries and its weights only."""
SHOWN = {"limner.microworld.queries", "limner.microworld.data"}
HEAVY = ("torch", "diffusers", "transformers", "langgraph", "openai")


@cache
def modules() -> dict[str, Path]:
    paths = {path: ".".join(path.relative_to(HOUSE).with_suffix("").parts) for path in sorted(ROOT.rglob("*.py"))}
    return {name.removesuffix(".__init__"): path for path, name in paths.items()}


def imports(path: Path, name: str) -> Iterator[tuple[str, int]]:
    """Every module that a file imports: at its top, lazily, or for type checking alone."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}:{node.lineno} imports relatively"
            known = modules()
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield (whole if whole in known else str(node.module)), node.lineno


def room(module: str) -> str:
    parts = module.split(".")[1:]
    if not parts:
        return ""
    if parts[0] == "tracing" and (len(parts) > 1 and parts[1] in SPANS):
        return "tracing.spans"
    return parts[0]


def level(name: str) -> int:
    found = [number for number, rooms in enumerate(LEVELS) if name in rooms]
    assert found, f"the room {name!r} has no place in LEVELS"
    return found[0]


def allowed(here: str, there: str) -> bool:
    """Whether the module `here` may import the module `there`."""
    mine, theirs = room(here), room(there)
    if theirs in ("", mine):
        return True
    if mine == "":
        return True  # limner/__init__ names what is public, each loaded when it is first used
    if theirs == "microworld":
        where = here.removeprefix("limner.")
        return mine == "microworld" or there in SHOWN or any(where == one or mine == one for one in WORLD)
    if mine == "microworld":
        return level(theirs) < level("agents")
    if theirs == "testing":
        return mine in TESTING
    if mine == "testing":
        return level(theirs) < level("graph")
    return level(theirs) < level(mine) or theirs in BESIDE.get(mine, ())


def test_rooms_import_only_from_below():
    wrong = [
        f"{name}:{line} imports {there}"
        for name, path in modules().items()
        for there, line in imports(path, name)
        if there.split(".")[0] == "limner" and not allowed(name, there)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("limner.agents.critic", "limner.microworld.law"),
        ("limner.scoring.hps", "limner.microworld.oracle"),
        ("limner.graph.wiring", "limner.microworld.grammar"),
        ("limner.bandits.ucb", "limner.microworld"),
        ("limner.cli.evolve", "limner.microworld.oracle"),
        ("limner.ledger.store", "limner.graph.api"),
        ("limner.types", "limner.errors"),
        ("limner.graph.api", "limner.testing.fakes"),
        ("limner.ledger.door", "limner.tracing.report"),
    ],
)
def test_the_order_forbids(here, there):
    assert not allowed(here, there)


def test_every_room_has_its_place():
    for name in modules():
        if room(name) not in ("", "testing", "microworld"):
            level(room(name))


@pytest.mark.parametrize("name", ["agents", "graph", "prompt_db", "bandits"])
def test_the_links_at_the_root_lead_to_the_rooms(name):
    link = HOUSE / name
    assert link.is_symlink()
    assert link.resolve() == ROOT / name
    assert not Path(link.readlink()).is_absolute()


@pytest.mark.parametrize(
    "statement",
    [
        "import limner",
        "import limner.settings, limner.ledger, limner.agents, limner.bandits, limner.prompt_db, limner.results",
        "from limner.cli.main import _run; _run(['--help'], False)",
    ],
)
def test_heavy_libraries_wait_until_they_are_used(statement):
    program = f"import sys\n{statement}\nprint(*[name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    print(f"{statement}: {time.perf_counter() - began:.2f} s")
    assert done.stderr.split() == []
