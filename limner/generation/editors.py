"""Editors by name: `microworld` and `diffusers:ID|PATH`. A new kind is one entry in `EDITORS`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from limner.errors import UnknownModel
from limner.generation.setup import Setup
from limner.protocols import Editor


def editor(name: str, *, batch: int | None = None, setup: Setup | None = None) -> Editor:
    """The editor of that name, SCHEME:REST.

    Raises:
        UnknownModel: no such scheme, or nothing there.
        WeightsError: a folder of weights is not complete.
    """
    scheme, _, rest = name.partition(":")
    if scheme not in EDITORS or bool(rest) != (scheme != "microworld"):
        raise UnknownModel(
            f"Unknown editor {name!r}; the schemes are {', '.join(EDITORS)}. Say `microworld`, `diffusers:ID` or "
            "`diffusers:PATH`."
        )
    return EDITORS[scheme](rest, batch, setup or Setup())


def _microworld(_: str, batch: int | None, setup: Setup) -> Editor:
    import limner

    return _diffusers(str(Path(limner.__file__).parent / "microworld" / "weights" / "painter"), batch, setup)


def _diffusers(rest: str, batch: int | None, setup: Setup) -> Editor:
    from limner.generation.diffusers_editor import DiffusersEditor

    return DiffusersEditor(rest, batch=batch, setup=setup)


EDITORS: dict[str, Callable[[str, int | None, Setup], Editor]] = {"microworld": _microworld, "diffusers": _diffusers}
"""Scheme to factory; the factory gets what follows the colon."""
