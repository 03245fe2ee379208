"""Editing one picture: a session of its own, through the ledger like every other picture."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from limner import pictures
from limner.errors import UsageError
from limner.generation.editors import editor
from limner.graph.queries import checked
from limner.graph.session import Session
from limner.graph.wiring import budget, set_threads, setup
from limner.ledger import Ledger, position, recorded
from limner.settings import Settings
from limner.tracing.spans import Spans
from limner.types import Edit, Failure, Picture, Prompt, Region


@dataclass(frozen=True, slots=True)
class Edited:
    """What came of it: the session, every picture or failure in order, and the files written."""

    session: str
    items: tuple[Picture | Failure, ...]
    files: tuple[Path, ...]


def edit_picture(
    settings: Settings,
    file: Path,
    change: str,
    *,
    prompt: str = "",
    negative: str = "",
    region: Region | None = None,
    strength: float | None = None,
    n: int = 1,
    seed: int = 0,
) -> Edited:
    """Change a picture file n times, with the seeds seed, seed + 1, ..., and save the results in a session.

    Args:
        settings: which editor, and how it draws.
        file: the picture.
        change: what shall be different.
        prompt: the whole finished picture in words; empty: `change` stands for it.
        negative: what it shall not show.
        region: where the change shall be; None: anywhere.
        strength: how much is painted anew, in (0, 1].
        n: how many results.
        seed: of the first.

    Raises:
        PictureError: the file is not a picture.
        BudgetSpent: more pictures are asked for than the budget allows; nothing is drawn then.
    """
    limits, original = budget(settings.budget), pictures.open_picture(file)
    (said,) = checked([change])
    whole = Prompt(prompt, negative)
    edits = [Edit(original, said.text, settings.drawing.recipe(whole, seed + i), region, strength) for i in range(n)]
    set_threads(settings.torch_threads)
    models = settings.models
    model = editor(models.editor or models.generator, batch=models.batch, setup=setup(settings))
    with (
        Session.create(settings.out, f"edit-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}") as session,
        Spans.open(session.folder / "trace.jsonl", session.id) as spans,
        Ledger.open(session.folder, limits, spans=spans) as ledger,
    ):
        session.begin({"session": session.id, "settings": settings.model_dump(mode="json", exclude={"out"})})
        with spans.workflow("edit"), position("editor"):
            items = recorded(model, ledger).edit(edits)
        made = [item for item in items if isinstance(item, Picture)]
        files = [pictures.save(one, session.folder / f"{i:04d}.png") for i, one in enumerate(made, 1)]
    return Edited(session.id, tuple(items), tuple(files))


def parsed_region(text: str) -> Region:
    """A region from `x,y,width,height` in pixels.

    Raises:
        UsageError: it is none.
    """
    numbers = [piece.strip() for piece in text.split(",")]
    if len(numbers) != 4 or not all(number.isdecimal() for number in numbers):
        raise UsageError(f"The region {text!r} is none. Give it in pixels as x,y,width,height, such as 0,0,16,16.")
    return Region(*map(int, numbers))
