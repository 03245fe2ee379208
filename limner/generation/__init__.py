"""Text to picture: models by name.

`microworld`, `diffusers:ID|PATH`, `onnx:PATH`, `images:MODEL` and `comfyui:WORKFLOW.json`; a user's own function
through `from_callable`. A new kind of model is one entry in `SCHEMES`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from limner.errors import UnknownModel
from limner.generation.callables import from_callable
from limner.generation.setup import Lora, Setup
from limner.protocols import Generator

__all__ = ["SCHEMES", "Lora", "Options", "Setup", "from_callable", "generator"]


@dataclass(frozen=True, slots=True)
class Options:
    """What a factory may use; None or "auto" leaves a choice to the model.

    `setup` says how a pipeline of this process is put into memory; `device` and `dtype` are its own, for other local
    models. `base_url`, `api_key` and `price_per_call` (USD) matter to remote ones.
    """

    batch: int | None = None
    device: str = "auto"
    dtype: str = "auto"
    base_url: str | None = None
    api_key: str | None = None
    price_per_call: float | None = None
    setup: Setup = field(default_factory=Setup)


def generator(
    name: str,
    *,
    batch: int | None = None,
    device: str = "auto",
    dtype: str = "auto",
    base_url: str | None = None,
    api_key: str | None = None,
    price_per_call: float | None = None,
    setup: Setup | None = None,
) -> Generator:
    """The generator of that name, SCHEME:REST; `setup` comes before `device` and `dtype`.

    Raises:
        UnknownModel: no such scheme, or nothing there.
        WeightsError: a folder of weights is not complete.
        SettingsError: a remote model lacks its key.
    """
    scheme, _, rest = name.partition(":")
    if scheme not in SCHEMES or bool(rest) != (scheme != "microworld"):
        raise UnknownModel(
            f"Unknown image model {name!r}; the schemes are {', '.join(SCHEMES)}. Say `microworld`, `diffusers:ID` or "
            "`diffusers:PATH` for a pipeline in this process, `onnx:PATH` for an exported one, `images:MODEL` for an "
            "OpenAI images endpoint, `comfyui:WORKFLOW.json` for a ComfyUI server."
        )
    setup = setup or Setup(device, dtype)
    return SCHEMES[scheme](rest, Options(batch, setup.device, setup.dtype, base_url, api_key, price_per_call, setup))


def _microworld(_: str, options: Options) -> Generator:
    import limner

    return _diffusers(str(Path(limner.__file__).parent / "microworld" / "weights" / "painter"), options)


def _diffusers(rest: str, options: Options) -> Generator:
    from limner.generation.diffusers_generator import DiffusersGenerator

    return DiffusersGenerator(rest, batch=options.batch, setup=options.setup)


def _onnx(rest: str, options: Options) -> Generator:
    from limner.generation.onnx_generator import OnnxGenerator

    return OnnxGenerator(rest, batch=options.batch, setup=options.setup)


def _images(rest: str, options: Options) -> Generator:
    from limner.generation.images_endpoint import ImagesEndpoint

    return ImagesEndpoint(
        rest,
        base_url=options.base_url,
        api_key=options.api_key,
        batch=options.batch,
        price_per_call=options.price_per_call,
    )


def _comfyui(rest: str, options: Options) -> Generator:
    from limner.generation.comfyui import ComfyUI

    return ComfyUI(rest, base_url=options.base_url, price_per_call=options.price_per_call, batch=options.batch)


SCHEMES: dict[str, Callable[[str, Options], Generator]] = {
    "microworld": _microworld,
    "diffusers": _diffusers,
    "onnx": _onnx,
    "images": _images,
    "comfyui": _comfyui,
}
"""Scheme to factory; the factory gets what follows the colon."""
