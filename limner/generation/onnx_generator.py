"""Pictures from a folder of ONNX networks: the pipeline of diffusers that was exported, with ONNX Runtime beneath.

Schedulers, guidance, noise and everything else outside of the networks are the original pipeline's own code, so a seed
means what it means in torch, and the pictures are the same but for the last bit.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from limner.errors import UsageError
from limner.generation import folder as folders
from limner.generation.diffusers_generator import DiffusersGenerator
from limner.generation.loading import load
from limner.generation.onnx_folder import Manifest, read
from limner.generation.onnx_modules import provider, stand_ins
from limner.generation.pipeline import Pipeline
from limner.generation.setup import Setup


class OnnxGenerator(DiffusersGenerator):
    """A folder that `limner export-onnx` wrote, as a generator.

    `setup.device` is an execution provider of ONNX Runtime, short ("cpu", "cuda", "coreml", ...) or by its own name;
    "auto" takes the first that runs here. The networks are float32, as they were exported.
    """

    def __init__(self, name: str | Path, *, batch: int | None = None, setup: Setup | None = None) -> None:
        """Check the folder.

        Raises:
            UsageError: not such a folder, no such provider, a setup for torch, or ONNX Runtime is not installed.
            WeightsError: a file is missing or broken.
        """
        wanted = setup or Setup()
        if wanted not in (Setup(wanted.device), Setup(wanted.device, "float32")):
            raise UsageError(
                f"{wanted} is for pipelines in torch. Of an ONNX model choose the device; export it with what it needs."
            )
        self._provider = provider(wanted.device)
        super().__init__(name, batch=batch, setup=Setup("cpu", "float32"))
        if self._manifest.alone:
            self._fitting.size = 1

    @cached_property
    def identity(self) -> str:
        """Name, hash of the files, provider and dtype."""
        return f"onnx:{self._name}@{folders.content_hash(self._folder)}/{self._provider}/float32"

    @cached_property
    def pipeline(self) -> Pipeline:
        """The original pipeline with its networks in ONNX Runtime, loaded when it is first needed."""
        networks = stand_ins(self._folder, self._manifest, self._provider)
        return Pipeline(load(self._folder, self._setup, modules=networks))

    def _check(self) -> None:
        self._manifest: Manifest = read(self._folder)
