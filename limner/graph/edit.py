"""Editing one picture: a session of its own, through the ledger like every other picture."""

from __future__ import annotations

from pathlib import Path

from limner import pictures
from limner.errors import UsageError
from limner.generation.editors import editor
from limner.graph.job import Drawn, job
from limner.graph.queries import checked
from limner.graph.wiring import setup
from limner.ledger import position, recorded
from limner.settings import Settings
from limner.types import Edit, Prompt, Region


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
    metadata: bool = True,
) -> Drawn:
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
        metadata: whether the files say how they were made; what the ledger keeps always does.

    Raises:
        PictureError: the file is not a picture.
        BudgetSpent: more pictures are asked for than the budget allows; nothing is drawn then.
    """
    original, (said,), models = pictures.open_picture(file), checked([change]), settings.models
    whole = Prompt(prompt, negative)
    edits = [Edit(original, said.text, settings.drawing.recipe(whole, seed + i), region, strength) for i in range(n)]
    model = editor(models.editor or models.generator, batch=models.batch, setup=setup(settings))
    with job(settings, "edit") as at:
        with position("editor"):
            items = recorded(model, at.ledger).edit(edits)
        files = at.save(items, metadata=metadata, original=file.name)
    return Drawn(at.session, tuple(items), tuple(files))


def parsed_region(text: str) -> Region:
    """A region from `x,y,width,height` in pixels.

    Raises:
        UsageError: it is none.
    """
    numbers = [piece.strip() for piece in text.split(",")]
    if len(numbers) != 4 or not all(number.isdecimal() for number in numbers):
        raise UsageError(f"The region {text!r} is none. Give it in pixels as x,y,width,height, such as 0,0,16,16.")
    return Region(*map(int, numbers))
