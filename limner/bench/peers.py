"""Environments for the programs that Limner is compared with: made once, kept in the cache, no dependencies."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock

from limner.errors import UsageError

CACHE = Path.home() / ".cache" / "limner" / "peers"


def python_with(requirement: str, cache: Path = CACHE) -> Path:
    """The Python of an environment that holds `requirement` (NAME==VERSION) and what that needs; made if not there.

    Raises:
        UsageError: pip could not install it; the end of its output is in the message.
    """
    folder = cache / f"{requirement.replace('==', '-')}-py{sys.version_info.major}.{sys.version_info.minor}"
    python, done = folder / "bin" / "python", folder / "complete"
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not done.exists():
            venv.create(folder, with_pip=True, clear=True)
            _install(python, requirement)
            done.touch()
    return python


def python_beside(requirements: Sequence[str], cache: Path = CACHE) -> Path:
    """The Python of an environment that holds exactly `requirements`, in front of everything that this Python has.

    So both sides compute with the same torch, and what a package asks for but does not use is left out.

    Raises:
        UsageError: pip could not install one of them.
    """
    folder = cache / f"{requirements[0].replace('==', '-')}-beside-py{sys.version_info.major}.{sys.version_info.minor}"
    python, done = folder / "bin" / "python", folder / "complete"
    wanted = "\n".join([sys.prefix, *requirements])
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not done.exists() or done.read_text() != wanted:
            venv.create(folder, with_pip=True, clear=True)
            _install(python, "--no-deps", *requirements)
            (packages,) = folder.glob("lib/python*/site-packages")
            (packages / "beside.pth").write_text(sysconfig.get_path("purelib") + "\n")
            done.write_text(wanted)
    return python


def _install(python: Path, *requirements: str) -> None:
    command = [str(python), "-m", "pip", "install", "--quiet", "--no-compile", *requirements]
    pip = subprocess.run(command, capture_output=True, text=True, check=False)
    if pip.returncode:
        raise UsageError(
            f"{' '.join(requirements)} could not be installed for the comparison: {pip.stderr.strip()[-500:]}"
        )
