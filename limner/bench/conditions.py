"""Under what conditions a figure was measured: part of every benchmark's answer."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from typing import Any


def conditions(*, seeds: list[int], pictures: int, quick: bool) -> dict[str, Any]:
    """Machine, versions (the embedded world's too), threads, seeds and pictures of a benchmark."""
    import torch

    from limner.microworld.frozen import recorded

    return {
        "seeds": seeds,
        "pictures": pictures,
        "quick": quick,
        "machine": {"cpu": _cpu(), "cores": os.cpu_count(), "torch_threads": torch.get_num_threads()},
        "versions": {
            "python": platform.python_version(),
            "world": recorded().version,
            **{name: version(name) for name in ("limner", "torch", "diffusers", "transformers", "langgraph")},
        },
    }


def _cpu() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()
