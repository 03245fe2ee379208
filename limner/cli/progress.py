"""Progress of a run: a bar on a terminal, one plain line per step elsewhere."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from limner.graph.api import Progress
from limner.settings import EvolveSettings

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import TaskID


class Watcher:
    """Told of every step of a run, it says so on a console. `folder` is the session's directory once it is known."""

    def __init__(self, console: Console, settings: EvolveSettings, *, quiet: bool) -> None:
        self.folder: Path | None = None
        self._console, self._settings, self._quiet = console, settings, quiet
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if not self._quiet and self._console.is_terminal:
            self._bar = _bar(self._console)
            self._task = self._bar.add_task("evolving", total=self._settings.rounds + 2)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, step: Progress) -> None:
        """Show one step."""
        self.folder = step.folder
        line = _line(step)
        if line is None or self._quiet:
            return
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, advance=step.event == "ended", description=line)
        else:
            self._console.print(line, soft_wrap=True, markup=False)


def _bar(console: Console) -> Bar:
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    return Bar(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console)


def _line(step: Progress) -> str | None:
    """What is worth a line: the end of a round, of final choice and final table, and how far a large batch is."""
    if step.event == "started":
        return None
    if step.event == "going":
        return _going(**step.update, node=step.node)
    drawn = f"{step.spend.pictures} pictures so far"
    if step.node == "learn":
        return f"round {step.round}/{step.rounds}: {len(step.update.get('survivors', []))} survive, {drawn}"
    if step.node == "choose":
        return f"chosen on the validation requests: {step.update.get('best')}, {drawn}"
    if step.node == "tabulate":
        return f"compared on held-out requests, {drawn}"
    return None


def _going(node: str, done: int, of: int) -> str | None:
    """How far a batch is that is drawn and judged in several pieces; the last one's end is told by what follows."""
    return f"{'judged' if node == 'score' else 'drawn'}: {done} of {of} pictures" if done < of else None
