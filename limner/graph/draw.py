"""Drawing prompts as they stand: a session of its own, through the ledger like every other picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from limner import pictures
from limner.generation import generator
from limner.graph.job import Drawn, job
from limner.graph.queries import checked
from limner.graph.wiring import setup
from limner.ledger import position, recorded
from limner.settings import Settings
from limner.types import Failure, Picture, Prompt

COLUMNS = 8
"""Pictures of a sheet's row at most."""
CELL = 192
"""Pixels up to which a sheet enlarges small pictures."""


def draw_prompts(
    settings: Settings,
    prompts: Sequence[str],
    *,
    n: int,
    seed: int,
    negative: str = "",
    query: str | None = None,
    sheet: bool = False,
    metadata: bool = True,
) -> Drawn:
    """Draw each prompt with the seeds seed, seed + 1, ... and save the pictures in the session's directory.

    Args:
        settings: which generator, and how it draws.
        prompts: drawn as they stand.
        n: pictures of each.
        seed: of each prompt's first picture.
        negative: what they shall not show.
        query: the request that the prompts answer; the pictures remember it.
        sheet: whether to write all pictures as one, too, a row for each prompt.
        metadata: whether the files say how they were made; what the ledger keeps always does.

    Raises:
        BudgetSpent: more pictures are asked for than the budget allows; nothing is drawn then.
    """
    recipe, models = settings.drawing.recipe, settings.models
    recipes = [recipe(Prompt(one.text, negative), seed + i) for one in checked(prompts) for i in range(n)]
    model = generator(models.generator, batch=models.batch, setup=setup(settings), **settings.endpoint())
    with job(settings, "draw") as at:
        with position("generator"):
            items = recorded(model, at.ledger).generate(recipes)
        files = at.save(items, metadata=metadata, query=query)
        if sheet and files:
            files.append(_sheet(items, at.folder / "grid.png", n if n > 1 else COLUMNS, metadata=metadata))
    return Drawn(at.session, tuple(items), tuple(files))


def _sheet(items: Sequence[Picture | Failure], path: Path, columns: int, *, metadata: bool) -> Path:
    """All pictures as one, each in its place; what failed leaves its place white."""
    from PIL import Image

    drawn = [item for item in items if isinstance(item, Picture)]
    white = Image.new("RGB", (1, 1), "white")
    images = [item.image() if isinstance(item, Picture) else white for item in items]
    scale = max(1, CELL // max(max(image.size) for image in images))
    return pictures.save_grid(images, path, min(columns, COLUMNS), scale, first=drawn[0] if metadata else None)
