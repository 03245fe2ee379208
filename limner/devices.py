"""Where models run: what the name of a device means on this machine, and in words what it lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limner.errors import UsageError

if TYPE_CHECKING:
    import torch


def pick_device(name: str = "auto") -> torch.device:
    """The device of this name, as torch names devices; `auto` is a CUDA device where there is one, else the processor.

    Raises:
        UsageError: this machine, or this build of torch, has no such device.
    """
    import torch

    chosen = ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name
    try:
        torch.empty(0, device=chosen)
        return torch.device(chosen)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise UsageError(f"There is no device {name!r} here: {reason}. Say auto, cpu, cuda or cuda:1.") from error
