"""Environments for the programs that Limner is compared with: made once, kept in the cache, no dependencies."""

from __future__ import annotations

import subprocess
import sys
import venv
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


def _install(python: Path, requirement: str) -> None:
    command = [str(python), "-m", "pip", "install", "--quiet", "--no-compile", requirement]
    pip = subprocess.run(command, capture_output=True, text=True, check=False)
    if pip.returncode:
        raise UsageError(f"{requirement} could not be installed for the comparison: {pip.stderr.strip()[-500:]}")
