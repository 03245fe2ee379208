"""Drawing prompts as they stand: a session of its own, through the ledger like every other picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from limner import pictures
from limner.generation import generator
from limner.graph.queries import checked
from limner.graph.session import Session
from limner.graph.wiring import budget, set_threads, setup
from limner.ledger import Ledger, position, recorded
from limner.settings import Settings
from limner.tracing.spans import Spans
from limner.types import Failure, Picture, Prompt

COLUMNS, SCALE = 8, 2


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn: the session, every picture or failure in order, and the files written."""

    session: str
    items: tuple[Picture | Failure, ...]
    files: tuple[Path, ...]


def draw_prompts(
    settings: Settings, prompts: Sequence[str], *, n: int, seed: int, negative: str = "", sheet: bool = False
) -> Drawn:
    """Draw each prompt with the seeds seed, seed + 1, ... and save the pictures in the session's directory.

    Raises:
        BudgetSpent: more pictures are asked for than the budget allows; nothing is drawn then.
    """
    limits = budget(settings.budget)
    recipe = settings.drawing.recipe
    recipes = [recipe(Prompt(query.text, negative), seed + i) for query in checked(prompts) for i in range(n)]
    set_threads(settings.torch_threads)
    models = settings.models
    model = generator(models.generator, batch=models.batch, setup=setup(settings), **settings.endpoint())
    with (
        Session.create(settings.out, f"draw-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}") as session,
        Spans.open(session.folder / "trace.jsonl", session.id) as spans,
        Ledger.open(session.folder, limits, spans=spans) as ledger,
    ):
        session.begin({"session": session.id, "settings": settings.model_dump(mode="json", exclude={"out"})})
        with spans.workflow("draw"), position("generator"):
            items = recorded(model, ledger).generate(recipes)
        drawn = [item for item in items if isinstance(item, Picture)]
        files = [pictures.save(one, session.folder / f"{i:04d}.png") for i, one in enumerate(drawn, 1)]
        if sheet and drawn:
            files.append(session.folder / "grid.png")
            pictures.grid([one.image() for one in drawn], COLUMNS, SCALE).save(files[-1])
    return Drawn(session.id, tuple(items), tuple(files))
