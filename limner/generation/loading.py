"""Putting a pipeline of diffusers into memory, complete or not at all.

What the libraries fill in or skip in silence is found here: missing weights, tokenizers without words, LoRAs that fit
no layer.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from limner.errors import WeightsError
from limner.generation.folder import components, stored_numbers
from limner.generation.setup import Lora, Setup, lora_file
from limner.quiet import quiet

_log = logging.getLogger(__name__)


def load(
    folder: Path, setup: Setup, kind: str = "AutoPipelineForText2Image", modules: Mapping[str, Any] | None = None
) -> Any:
    """The folder's pipeline on its device, by the class of diffusers named `kind`; `modules` are there already.

    Raises:
        WeightsError: the folder's files do not make such a pipeline, or a LoRA does not fit it.
    """
    with quiet():
        import diffusers

        try:
            pipe = getattr(diffusers, kind).from_pretrained(
                str(folder), dtype=setup.number_type(), local_files_only=True, **(modules or {})
            )
        except (OSError, ValueError, RuntimeError, KeyError, AttributeError, TypeError) as error:
            wanted = "text-to-image" if kind.endswith("Text2Image") else "picture"
            raise WeightsError(
                f"{folder} does not load as a {wanted} pipeline: {error}. Fetch the whole folder again, or name "
                "another model."
            ) from error
        for part in components(folder):
            _check_loaded(folder / part, getattr(pipe, part))
        _add_loras(pipe, setup.loras)
    pipe.set_progress_bar_config(disable=True)
    return _prepared(pipe, setup)


def _check_loaded(part: Path, module: Any) -> None:
    """Find what the libraries fill in silently: weights that the files lack, a tokenizer without words."""
    import torch

    if isinstance(module, torch.nn.Module):
        stored = stored_numbers(part)
        needed = sum(parameter.numel() for parameter in module.parameters())
        if stored is not None and stored < needed:
            raise WeightsError(
                f"The weights in {part} hold {stored} numbers, but its config.json asks for {needed}. Fetch the whole "
                "folder again."
            )
    elif "tokenizer" in part.name and len(module) <= len(module.all_special_tokens):
        raise WeightsError(f"The tokenizer in {part} has no words. Fetch the whole folder again.")


def _add_loras(pipe: Any, loras: tuple[Lora, ...]) -> None:
    if not loras:
        return
    if not hasattr(pipe, "load_lora_weights"):
        raise WeightsError(f"{type(pipe).__name__} takes no LoRA. Leave the LoRAs out.")
    names = [f"lora_{number}" for number in range(len(loras))]
    for name, lora in zip(names, loras, strict=True):
        _add_lora(pipe, name, lora)
    pipe.set_adapters(names, [lora.weight for lora in loras])


def _add_lora(pipe: Any, name: str, lora: Lora) -> None:
    path = lora_file(lora)
    try:
        pipe.load_lora_weights(str(path.parent), weight_name=path.name, adapter_name=name)
    except ImportError as error:
        raise WeightsError(f"LoRAs need the package peft: {error}. Say `pip install limner[lora]`.") from error
    except (OSError, ValueError, RuntimeError, LookupError, AttributeError, TypeError) as error:
        raise WeightsError(f"The LoRA {path} does not fit {type(pipe).__name__}: {error}. Name another one.") from error
    if not any(name in adapters for adapters in pipe.get_list_adapters().values()):
        raise WeightsError(f"The LoRA {path} fits no layer of {type(pipe).__name__}. Name one made for this model.")


def _prepared(pipe: Any, setup: Setup) -> Any:
    """The pipeline on its device, with what shall save memory or time switched on."""
    if setup.attention_slicing:
        pipe.enable_attention_slicing()
    for wanted, switch in ((setup.vae_slicing, "enable_slicing"), (setup.vae_tiling, "enable_tiling")):
        if wanted and hasattr(pipe.vae, switch):
            getattr(pipe.vae, switch)()
        elif wanted:
            _log.warning("%s has no %s; going on without it.", type(pipe.vae).__name__, switch)
    device = setup.place()
    if setup.offload == "model":
        pipe.enable_model_cpu_offload(device=device)
    elif setup.offload == "sequential":
        pipe.enable_sequential_cpu_offload(device=device)
    else:
        pipe = pipe.to(device)
    if setup.compile:
        for name in ("unet", "transformer"):
            if getattr(pipe, name, None) is not None:
                getattr(pipe, name).compile()
    return pipe
