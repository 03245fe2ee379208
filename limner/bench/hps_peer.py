"""The package hpsv2 in an environment of its own: how it is made to run at all, and how it is asked."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from limner.bench.peers import python_beside
from limner.errors import UsageError
from limner.scoring.clip_files import BPE_FILE

HPSV2, OPEN_CLIP = "hpsv2==1.2.0", "open_clip_torch==3.3.0"
PLAIN = ("ftfy==6.3.1", "wcwidth", "regex", "clint==0.5.1", "args", "requests", "idna", "urllib3", "certifi")
PATCHES = (
    f"{BPE_FILE}, which its wheel lacks, was put beside its tokenizer.py from the wheel of {OPEN_CLIP}",
    "its pins protobuf<4 and pytest==7.2.0, and timm, webdataset, pandas and others that scoring never calls, were not "
    "installed; torch, numpy, pillow and huggingface_hub are this Python's own",
    "hf_hub_download gives the random checkpoint, also where it fetches LAION's weights before HPS v2's",
)
FEWER_LAYERS = "its ViT-H-14.json says {layers} layers for both towers, as the checkpoint has"
DECLARED = (
    "torchvision's operators {names}, never called here, were declared: its compiled part needs a CUDA build of torch"
)


class Told(NamedTuple):
    """One call of `hpsv2.score`: cosines, seconds of wall and processor, and of the latter for reloading and text."""

    scores: list[float]
    wall: float
    used: float
    reload: float
    text: float


def vocabulary(python: Path) -> bytes:
    """The published list of merges, from open_clip's wheel in the peer's environment."""
    return _packages(python).joinpath("open_clip", BPE_FILE).read_bytes()


def install() -> Path:
    """The Python that can run hpsv2 (a torchvision that goes with this torch is installed, too)."""
    import torch

    minor = int(torch.__version__.split(".")[1])
    python = python_beside([HPSV2, OPEN_CLIP, f"torchvision==0.{minor + 15}.0", *PLAIN])
    shutil.copy(_packages(python) / "open_clip" / BPE_FILE, _packages(python) / "hpsv2" / "src" / "open_clip")
    assert gzip.decompress(vocabulary(python))
    return python


def _packages(python: Path) -> Path:
    (found,) = python.parent.parent.glob("lib/python*/site-packages")
    return found


class Peer:
    """A process that scores with hpsv2 for as long as the context lasts. `patches` says what was changed in it."""

    def __init__(self, python: Path, checkpoint: Path, *, layers: int, device: str) -> None:
        self._python, self._checkpoint, self._layers, self._device = python, checkpoint, layers, device
        self.patches: tuple[str, ...] = PATCHES

    def __enter__(self) -> Self:
        config = _packages(self._python) / "hpsv2" / "src" / "open_clip" / "model_configs" / "ViT-H-14.json"
        _set_layers(config, *((32, 24) if self._layers == FULL else (self._layers, self._layers)))
        if self._layers != FULL:
            self.patches += (FEWER_LAYERS.format(layers=self._layers),)
        hidden = {"CUDA_VISIBLE_DEVICES": ""} if self._device == "cpu" else {}
        self._process = subprocess.Popen(
            [self._python, Path(__file__).with_name("hps_script.py"), self._checkpoint],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": "", **hidden},
        )  # fmt: skip
        hello = self._read()
        if hello["declared"]:
            self.patches += (DECLARED.format(names=" and ".join(hello["declared"])),)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def score(self, pictures: Sequence[Path], prompt: str) -> Told:
        """Call `hpsv2.score(list of paths, prompt)`."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"pictures": [str(one) for one in pictures], "prompt": prompt}) + "\n")
        self._process.stdin.flush()
        return Told(**self._read())

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            said = self._process.communicate()[1]
            raise UsageError(f"{HPSV2} does not run for the comparison: {said.strip()[-800:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer


FULL = 32
"""Layers of ViT-H-14's picture tower; its text tower has 24."""


def _set_layers(config: Path, vision: int, text: int) -> None:
    said = json.loads(config.read_text())
    said["vision_cfg"]["layers"], said["text_cfg"]["layers"] = vision, text
    config.write_text(json.dumps(said))
