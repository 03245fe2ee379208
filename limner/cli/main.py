"""The `limner` command: every command's doorway, and the one place where an error becomes a line and an exit code.

Commands import what they need when they run, so that `limner --help` answers at once. Results go to stdout, everything
else to stderr. Exit codes: 0 done, 1 failed, 2 bad usage, 3 budget spent before a result, 130 interrupted.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

import typer
from pydantic import ValidationError
from typer.exceptions import TyperException

from limner.cli import bench, demo, doctor, draw, edit, evolve, export, inspect, instructions, score, write
from limner.errors import LimnerError

COLLECTED_AFTER = (10_000, 20, 10)
"""When Python looks for cycles of garbage, by generation: less often than by default, because each look at the oldest
goes through all that the libraries hold, which stops the agents' turns for a fifth of a second."""

app = typer.Typer(
    name="limner",
    help="Better pictures from text-to-image models, by improving how they are asked.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("evolve")(evolve.evolve)
app.command("write")(write.write)
app.command("draw")(draw.draw)
app.command("edit")(edit.edit)
app.command("score")(score.score)
app.command("inspect")(inspect.inspect)
app.command("export-onnx")(export.export_onnx)
app.add_typer(instructions.app, name="instructions")
app.add_typer(bench.app, name="bench")
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit; `--debug` anywhere shows tracebacks."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    gc.set_threshold(*COLLECTED_AFTER)
    sys.exit(_run([one for one in given if one != "--debug"] or ["--help"], debug))


def _run(arguments: list[str], debug: bool) -> int:
    try:
        code = app(arguments, standalone_mode=False)
        return code if isinstance(code, int) else 0
    except LimnerError as error:
        if debug:
            raise
        return _failed(str(error), error.exit_code)
    except TyperException as error:
        return _failed(f"{_complaint(error)} `limner COMMAND --help` shows what there is.", 2)
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if debug:
            raise
        return _failed(f"{type(error).__name__}: {error} (a defect: run again with --debug and report it)", 1)


def _complaint(error: TyperException) -> str:
    """What is wrong with the arguments, and with which value where a value is wrong."""
    message = error.format_message().rstrip(".")
    cause = error.__cause__
    got = f" (got {cause.errors()[0]['input']!r})" if isinstance(cause, ValidationError) else ""
    return f"{message}{got}."


def _failed(message: str, code: int) -> int:
    print(f"limner: {message}", file=sys.stderr)
    return code
