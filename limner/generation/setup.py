"""How a pipeline is put into memory: where, in which numbers, with which LoRAs, and what it does to fit.

One frozen value for generators and editors. What changes pictures, if only by rounding, is part of a model's identity
(`marks`); where the parts lie meanwhile (`offload`) is not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from limner.devices import pick_device
from limner.errors import UnknownModel, UsageError
from limner.generation.folder import file_hash

if TYPE_CHECKING:
    import torch

DTYPES = ("auto", "float32", "bfloat16", "float16")
OFFLOADS = ("none", "model", "sequential")


@dataclass(frozen=True, slots=True)
class Lora:
    """A LoRA by file, folder or hub id, and its weight: 0 is without it, 1 as it was trained."""

    path: str
    weight: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what names nothing."""
        if not self.path or not math.isfinite(self.weight):
            raise UsageError(f"The LoRA {self.path!r} with weight {self.weight!r} cannot be; say PATH or PATH:WEIGHT.")

    @classmethod
    def parse(cls, text: str) -> Lora:
        """Read `PATH` or `PATH:WEIGHT`."""
        path, colon, weight = text.rpartition(":")
        try:
            return cls(path, float(weight)) if colon else cls(text)
        except ValueError:  # a path with a colon in it
            return cls(text)


@dataclass(frozen=True, slots=True)
class Setup:
    """How a pipeline is put into memory.

    device: "auto" takes a CUDA device if there is one. dtype: "auto" is bfloat16 or float16 there, else float32.
    offload: parts wait in main memory until they are needed ("model"), or layer by layer ("sequential"); needs a GPU.
    attention_slicing, vae_slicing and vae_tiling save memory and cost time; compile (torch.compile) costs minutes at
    the first picture of each shape and saves time after it.
    """

    device: str = "auto"
    dtype: str = "auto"
    offload: str = "none"
    attention_slicing: bool = False
    vae_slicing: bool = False
    vae_tiling: bool = False
    compile: bool = False
    loras: tuple[Lora, ...] = ()

    def __post_init__(self) -> None:
        """Refuse choices that are none."""
        if self.dtype not in DTYPES or self.offload not in OFFLOADS:
            raise UsageError(
                f"dtype={self.dtype!r}, offload={self.offload!r}: dtype is one of {', '.join(DTYPES)}, offload one of "
                f"{', '.join(OFFLOADS)}."
            )

    def check(self) -> None:
        """Refuse at once what this machine has not; whoever leaves the choice to us need not wait for torch.

        Raises:
            UsageError: as `place`.
        """
        if (self.device, self.offload) != ("auto", "none"):
            self.place()

    def place(self) -> str:
        """The device.

        Raises:
            UsageError: it is not there, or parts shall be offloaded and there is no GPU to offload them from.
        """
        device = str(pick_device(self.device))
        if self.offload != "none" and device == "cpu":
            raise UsageError(f"offload={self.offload!r} on the CPU: there is no GPU to offload from. Leave it out.")
        return device

    def number_type(self) -> torch.dtype:
        """The dtype of the weights."""
        import torch

        if self.dtype != "auto":
            chosen: torch.dtype = getattr(torch, self.dtype)
            return chosen
        if not self.place().startswith("cuda"):
            return torch.float32
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16

    def marks(self) -> str:
        """What of this changes pictures, as the end of an identity: `/float32+vae-tiling`."""
        switches = ("attention_slicing", "vae_slicing", "vae_tiling", "compile")
        loras = [f"lora({Path(one.path).name}@{file_hash(lora_file(one))[:12]}*{one.weight:g})" for one in self.loras]
        on = [name.replace("_", "-") for name in switches if getattr(self, name)]
        return "+".join([f"/{str(self.number_type()).removeprefix('torch.')}", *loras, *on])


def lora_file(lora: Lora) -> Path:
    """The one weight file of a LoRA.

    Raises:
        UnknownModel: no such file, or a folder with none or several.
    """
    path = Path(lora.path).expanduser()
    if not path.exists() and lora.path.count("/") == 1:
        path = _fetched(lora.path)
    files = sorted(path.glob("*.safetensors")) if path.is_dir() else [path]
    if len(files) != 1 or not files[0].is_file():
        raise UnknownModel(
            f"No LoRA at {lora.path!r}: {len(files)} weight files there. Name one *.safetensors file, a folder with "
            "one, or a hub id OWNER/MODEL."
        )
    return files[0]


def _fetched(hub_id: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        return Path(snapshot_download(hub_id, allow_patterns="*.safetensors"))
    except (OSError, HfHubHTTPError, HFValidationError) as error:
        first = str(error).strip().splitlines()[0]
        raise UnknownModel(f"No LoRA {hub_id!r} here or on the hub: {first}. Check the path.") from error
