"""What a run needs of this machine, checked one thing at a time without running anything."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from limner.errors import LimnerError
from limner.protocols import Model

PACKAGES = ("torch", "diffusers", "transformers", "langgraph", "openai")
LEAST_FREE_MB = 200


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at, what was found, and whether a run can do with it."""

    name: str
    found: str
    ok: bool = True

    def as_json(self) -> dict[str, object]:
        """Plain JSON."""
        return asdict(self)


def checkup(out: Path) -> list[Check]:
    """Look at everything."""
    return [
        _python(),
        *(_package(name) for name in PACKAGES),
        _device(),
        _onnx(),
        _sqlite(),
        *_weights(),
        *_published_scorers(),
        _disk(out),
        _endpoint(),
    ]


def _python() -> Check:
    found = f"{platform.python_version()} on {platform.machine()}, {os.cpu_count()} cores"
    return Check("python", found, sys.version_info >= (3, 11))


def _package(name: str) -> Check:
    try:
        return Check(name, version(name))
    except PackageNotFoundError:
        return Check(name, "not installed; run `make demo` or `pip install limner`", ok=False)


def _device() -> Check:
    import torch

    if torch.cuda.is_available():
        return Check("device", f"CUDA: {torch.cuda.get_device_name()}")
    if torch.backends.mps.is_available():
        return Check("device", "Apple MPS is there; Limner draws on CUDA or CPU, here on the CPU")
    return Check("device", f"CPU, {torch.get_num_threads()} torch threads (no GPU is needed for the embedded world)")


def _onnx() -> Check:
    """Never needed, never chosen by itself: said here because it draws faster on a CPU."""
    try:
        found = version("onnxruntime")
    except PackageNotFoundError:
        return Check("onnxruntime", "not installed (optional: `pip install 'limner[onnx]'`; draws faster on a CPU)")
    return Check("onnxruntime", f"{found}; `limner export-onnx MODEL OUT`, then draw with onnx:OUT: faster on a CPU")


def _sqlite() -> Check:
    with sqlite3.connect(":memory:") as connection:
        options = {row[0] for row in connection.execute("PRAGMA compile_options")}
    full_text = "ENABLE_FTS5" in options
    return Check("sqlite", sqlite3.sqlite_version + ("" if full_text else " without FTS5, which is needed"), full_text)


def _weights() -> list[Check]:
    from limner.generation import generator
    from limner.scoring import scorer, vision_model

    loaders: dict[str, Callable[[str], Model]] = {"painter": generator, "taste": scorer, "eye": vision_model}
    checks = []
    for name, load in loaders.items():
        try:
            checks.append(Check(f"embedded {name}", load("microworld").identity))
        except LimnerError as error:
            checks.append(Check(f"embedded {name}", str(error), ok=False))
    return checks


def _published_scorers() -> list[Check]:
    """Whether the published scorers could be loaded without a network."""
    from huggingface_hub import try_to_load_from_cache

    from limner.scoring import aesthetic, hps, pickscore

    files = {
        **{f"hps:{version}": (hps.REPOSITORY, file) for version, file in hps.PUBLISHED.items()},
        "pickscore:v1": (pickscore.PUBLISHED, "model.safetensors"),
        "aesthetic's CLIP": (aesthetic.CLIP, "model.safetensors"),
    }
    there = {name: isinstance(try_to_load_from_cache(*where), str) for name, where in files.items()}
    return [
        Check(f"scorer {name}", "in the hub's cache" if fetched else "not fetched yet (see docs/scores.md)")
        for name, fetched in there.items()
    ]


def _disk(out: Path) -> Check:
    there = next(path for path in (out.absolute(), *out.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free // 2**20
    writable = os.access(there, os.W_OK)
    found = f"{free:,} MB free" if writable else "not writable; choose another directory with --out"
    return Check(f"disk ({there})", found, writable and free >= LEAST_FREE_MB)


def _endpoint() -> Check:
    names = [name for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL") if os.environ.get(name)]
    return Check(
        "remote models", f"{' and '.join(names)} set" if names else "no key set (needed for images:MODEL only)"
    )
