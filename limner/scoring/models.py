"""Judges by name: SCHEME:NAME, with `microworld` for the embedded ones, which are folders like any other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from limner.errors import UnknownModel
from limner.llm import OpenAIOptions
from limner.protocols import Scorer, VisionModel
from limner.scoring.aesthetic import load_aesthetic
from limner.scoring.hps import load_hps
from limner.scoring.pickscore import load_pickscore
from limner.scoring.vision import load_vision
from limner.scoring.vision_remote import load_remote

Built = TypeVar("Built")
Factory = Callable[..., Built]

EMBEDDED = Path(__file__).parents[1] / "microworld" / "weights"
REMOTE = "openai"
"""The scheme of vision models behind a chat endpoint."""
SCORERS: dict[str, Factory[Scorer]] = {
    "hps": load_hps,
    "pickscore": load_pickscore,
    "aesthetic": load_aesthetic,
}
VISION_MODELS: dict[str, Factory[VisionModel]] = {"transformers": load_vision}


def scorer(name: str, *, device: str = "auto", dtype: str = "auto", batch: int | None = None) -> Scorer:
    """The scorer of this name: `microworld`, `hps:v2`, `hps:v2.1`, `hps:PATH`, `pickscore:...`, `aesthetic:PATH`.

    Args:
        name: see above; docs/scores.md says what each names.
        device: `auto`, `cpu`, `cuda`, ...
        dtype: `auto` (float16 on CUDA, float32 elsewhere) or the name of a torch dtype.
        batch: pictures per batch; the scorer's default unless given.

    Raises:
        UnknownModel: no such scheme, or nothing there by that name.
        WeightsError: the model's files are missing, damaged or of another architecture.
    """
    full = f"hps:{EMBEDDED / 'taste'}" if name == "microworld" else name
    return _build(full, SCORERS, "scorer", device, dtype, batch)


def vision_model(
    name: str,
    *,
    device: str = "auto",
    dtype: str = "auto",
    batch: int | None = None,
    chat: OpenAIOptions | None = None,
) -> VisionModel:
    """The vision model of this name: `microworld`, `transformers:ORGANISATION/MODEL` or PATH, `openai:MODEL`.

    Arguments and errors as for `scorer`; `auto` is bfloat16 on CUDA. `chat` says how a remote model is reached.
    """
    scheme, _, model = name.partition(":")
    if scheme == REMOTE and model:
        return load_remote(model, chat)
    full = f"transformers:{EMBEDDED / 'eye'}" if name == "microworld" else name
    return _build(full, VISION_MODELS, "vision model", device, dtype, batch, also=(f"{REMOTE}:MODEL",))


def _build(
    name: str,
    schemes: dict[str, Factory[Built]],
    what: str,
    device: str,
    dtype: str,
    batch: int | None,
    also: Sequence[str] = (),
) -> Built:
    scheme, _, rest = name.partition(":")
    if scheme not in schemes or not rest:
        known = ", ".join(["microworld", *(f"{known}:..." for known in schemes), *also])
        raise UnknownModel(f"no {what} is named {name!r}; known are: {known}")
    options = {} if batch is None else {"batch": batch}
    return schemes[scheme](rest, device=device, dtype=dtype, **options)
