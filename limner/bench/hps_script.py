"""Scores with the package hpsv2 as its README does. Run by the Python of hpsv2's environment, never imported here.

usage: hps_script.py CHECKPOINT
Reads one JSON object a line, {"pictures": [paths], "prompt": text}, and answers each with one: the scores, seconds of
wall and of processor, and how many of the latter went into loading the checkpoint and into its text tower. The first
line that it prints says what had to be declared before torchvision could be imported, and whether a GPU is used.
"""

import contextlib
import json
import sys
import time
from typing import Any

import torch

NEVER_CALLED = ("nms", "qnms")
"""Operators of torchvision's compiled part that its import asks for and HPS v2 never calls."""


def _import_torchvision() -> tuple[list[str], Any]:
    """Import it; where its compiled part does not fit this build of torch, declare what the import asks for."""
    try:
        import torchvision  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except RuntimeError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        declared: Any = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
        for name in NEVER_CALLED:
            declared.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import torchvision  # noqa: F401

        return list(NEVER_CALLED), declared  # kept: an operator lives as long as its library
    return [], None


class Clock:
    """Processor seconds within functions that it watches."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def watch(self, owner: Any, function: str, part: str) -> None:
        """Replace a function by itself, timed."""
        inner = getattr(owner, function)

        def timed(*args: Any, **kwargs: Any) -> Any:
            began = _now()
            try:
                return inner(*args, **kwargs)
            finally:
                self.seconds[part] = self.seconds.get(part, 0.0) + _now() - began

        setattr(owner, function, timed)


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def main(checkpoint: str) -> None:
    """Answer line by line."""
    declared, _library = _import_torchvision()
    with contextlib.redirect_stdout(sys.stderr):
        import hpsv2  # type: ignore[import-not-found]
        import huggingface_hub

        def checkpoint_instead(*_: Any, **__: Any) -> str:
            return checkpoint

        setattr(huggingface_hub, "hf_hub_download", checkpoint_instead)  # noqa: B010
        from hpsv2 import img_score
        from hpsv2.src.open_clip import pretrained  # type: ignore[import-not-found]

        pretrained.hf_hub_download = checkpoint_instead
        img_score.initialize_model()
    clock = Clock()
    clock.watch(torch, "load", "reload")
    clock.watch(torch.nn.Module, "load_state_dict", "reload")
    clock.watch(type(img_score.model_dict["model"]), "encode_text", "text")
    print(json.dumps({"declared": declared, "device": img_score.device, "torch": torch.__version__}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        clock.seconds = {}
        wall, used = time.perf_counter(), time.process_time()
        with contextlib.redirect_stdout(sys.stderr):
            scores = hpsv2.score(asked["pictures"], asked["prompt"], hps_version="v2.1")
        spent = {"wall": time.perf_counter() - wall, "used": time.process_time() - used}
        print(json.dumps({"scores": [float(one) for one in scores], **spent, **clock.seconds}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
