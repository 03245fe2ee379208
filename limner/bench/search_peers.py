"""gepa and promptolution at the desk: each in a process of its own environment, asking over a pipe."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from limner.agents import START
from limner.bench.peers import python_with
from limner.bench.search_desk import Desk, Over
from limner.bench.search_tools import by_number

REQUIREMENTS = {"gepa": "gepa==0.1.4", "EvoPromptDE": "promptolution==2.3.0", "OPRO": "promptolution==2.3.0"}


class Peer:
    """A peer's process. It serves one run after another; use it as a context."""

    def __init__(self, tool: str) -> None:
        """Start the process."""
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the process
        self._tool = tool
        one_thread = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [str(python_with(REQUIREMENTS[tool])), str(_script()), tool],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=one_thread,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def run(
        self, desk: Desk, setting: Mapping[str, Any], *, budget: int | None = None, folder: Path | None = None
    ) -> None:
        """One run, until the peer or the desk ends it.

        Args:
            desk: whom the peer asks.
            setting: the peer's own settings.
            budget: what the peer is told that it may draw; nothing if left out.
            folder: where a peer that can resume keeps its state.

        Raises:
            RuntimeError: the peer's process died; the end of its output is in the message.
        """
        self._write(
            {
                "seed": desk.seed,
                "setting": dict(setting),
                "budget": budget,
                "folder": folder and str(folder),
                "start": START.text,
                "queries": len(desk.world.queries.search),
            }
        )
        while (asked := self._read())["do"] != "end":
            try:
                self._write({"value": _answer(desk, asked)})
            except Over:
                self._write({"over": True})

    def _write(self, row: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(row) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # reading says why

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            raise RuntimeError(f"{REQUIREMENTS[self._tool]} failed as {self._tool}: {self._errors.read()[-1500:]}")
        row: dict[str, Any] = json.loads(line)
        return row


def _script() -> Path:
    return Path(__file__).with_name("search_peer_script.py")


def _answer(desk: Desk, asked: dict[str, Any]) -> Any:
    if asked["do"] == "draw":
        return desk.draw(asked["text"], by_number(desk.world, asked["queries"]))
    if asked["do"] == "propose":
        return desk.propose(asked["text"], asked["count"])
    if asked["do"] == "choose":
        return desk.choose(asked["text"])
    return desk.pictures
