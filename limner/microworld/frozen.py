"""The version of the embedded world, and the hashes of what every claim about it rests on.

Three things are frozen: the painter's folder, the modules that say what is drawn and how it is worded, and the table
of the directives' catalogue. `python -m limner.microworld.frozen` names what differs from data/frozen.json; whoever
changes the world on purpose says `--write VERSION` with a new version, and measures every claim again. Of sources only
the code counts, not comments, docstrings and layout. The catalogue is read as text: the world imports no agents.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from limner.errors import UsageError
from limner.weights import model_files

HOUSE = Path(__file__).parents[1]
"""The package's folder."""
FILE = Path(__file__).parent / "data" / "frozen.json"
LAW = ("law", "render", "splits", "language", "grammar", "captions")
"""Modules of the world that decide what is drawn and how it is asked for."""
TABLES = ("CATALOGUE", "START")
"""Names in `limner.agents.catalogue` that are frozen."""


@dataclass(frozen=True, slots=True)
class World:
    """A version of the world: what is frozen, as {"painter/...", "law/...", "catalogue/...": SHA-256 in hex}."""

    version: str
    hashes: Mapping[str, str]


def recorded(file: Path = FILE) -> World:
    """The world as it was frozen."""
    return World(**json.loads(file.read_text(encoding="utf-8")))


def hashes(house: Path = HOUSE) -> dict[str, str]:
    """What is to be frozen, as it stands in the package's folder."""
    world, painter = house / "microworld", house / "microworld" / "weights" / "painter"
    found = {f"painter/{path.relative_to(painter).as_posix()}": _file_hash(path) for path in model_files(painter)}
    found |= {f"law/{name}": _code_hash(_parsed(world / f"{name}.py")) for name in LAW}
    tables = _assigned(_parsed(house / "agents" / "catalogue.py"))
    return found | {f"catalogue/{name}": _code_hash(value) for name, value in tables if name in TABLES}


def differences(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """One line for each name that is changed, gone or new, in the order of the names."""
    lines = {name: "gone" if name not in now else "changed" for name in then if then[name] != now.get(name)}
    lines |= {name: "new" for name in now if name not in then}
    return [f"{lines[name]}: {name}" for name in sorted(lines)]


def freeze(version: str, file: Path = FILE, house: Path = HOUSE) -> World:
    """Freeze the world as it stands under a new version.

    Raises:
        UsageError: the version is the one that is frozen already.
    """
    if file.exists() and recorded(file).version == version:
        raise UsageError(f"The world is frozen as version {version!r} already. A changed world takes a new version.")
    world = World(version, hashes(house))
    file.write_text(json.dumps(asdict(world), indent=1) + "\n", encoding="utf-8")
    return world


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what differs, or freeze; the exit code is 1 where something differs, 2 where the version is not new."""
    parser = argparse.ArgumentParser(prog="python -m limner.microworld.frozen", description=__doc__)
    parser.add_argument("--write", metavar="VERSION", help="freeze the world as it stands under a new version")
    version = parser.parse_args(arguments).write
    if version is not None:
        try:
            freeze(version)
        except UsageError as error:
            print(error, file=sys.stderr)
            return error.exit_code
    world = recorded()
    lines = differences(world.hashes, hashes())
    print(*lines, f"world {world.version}: {len(lines)} of {len(world.hashes)} differ", sep="\n")
    return int(bool(lines))


def _file_hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _assigned(module: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Names bound at a module's top, with the expressions they are bound to."""
    for node in module.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from ((target.id, node.value) for target in targets if isinstance(target, ast.Name))


def _code_hash(node: ast.AST) -> str:
    return hashlib.sha256(_canonical(node).encode()).hexdigest()


def _canonical(part: object) -> str:
    """Code without layout; empty fields are left out, because Python versions differ in which of them they have."""
    if isinstance(part, list):
        return f"[{','.join(_canonical(item) for item in part if not _is_text(item))}]"
    if not isinstance(part, ast.AST):
        return repr(part)
    fields = [(name, value) for name, value in ast.iter_fields(part) if value is not None and value != []]
    return f"{type(part).__name__}({','.join(f'{name}={_canonical(value)}' for name, value in fields)})"


def _is_text(item: object) -> bool:
    """Whether a statement is a docstring."""
    return isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant) and isinstance(item.value.value, str)


if __name__ == "__main__":
    sys.exit(main())
