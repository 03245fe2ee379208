"""`limner bench hps`: the HPS v2 scorer beside the package hpsv2, on one random checkpoint of the published layout.

hpsv2 is called as its README does, with the list of pictures of one prompt. Agreement is measured on 32 pictures and
two layers, speed at the full depth of ViT-H-14 on 16 pictures of 4 prompts, both sides in turn in one run. Figures are
of processor seconds on one thread, which other work on the machine disturbs least; wall time stands beside them.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import pstdev
from typing import TYPE_CHECKING, Any, NamedTuple

from limner.bench.conditions import conditions
from limner.bench.hps_peer import FULL, HPSV2, OPEN_CLIP, Peer, Told, install, vocabulary
from limner.bench.hps_sample import PROMPTS, SEED, Sample, pictures, write_checkpoint
from limner.scoring.clip_files import BPE_FILE
from limner.types import Picture, Prompt, Query, Recipe, Score

if TYPE_CHECKING:
    from limner.scoring.clip import ClipScorer

ALIKE, TIMED, QUICK_LAYERS = 32, 16, 2
PARTS = ("used", "wall", "reload", "text")
NO_GPU = "not measured: run with --device cuda on a machine with one"


class _Ours(NamedTuple):
    """One pass of our scorer: cosines, seconds of wall and processor, and of the latter for the texts."""

    scores: list[float]
    wall: float
    used: float
    text: float


def measure(*, quick: bool = False, device: str = "cpu") -> dict[str, Any]:
    """Measure `max_abs_diff` and, unless quick, `speedup` with its parts, on the CPU or with `device="cuda"`."""
    python = install()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / BPE_FILE).write_bytes(vocabulary(python))
        alike = _agreement(python, folder, device)
        fast = {} if quick else _speed(python, folder, device)
    differences = [alike["max_abs_diff"], *([fast["max_abs_diff_at_full_depth"]] if fast else [])]
    return {
        **alike,
        **fast,
        "max_abs_diff": max(differences),
        "device": device,
        "gpu": NO_GPU if device == "cpu" else "measured here",
        "peer": {"package": HPSV2, "vocabulary": OPEN_CLIP},
        "prompts": len(PROMPTS),
        **conditions(seeds=[SEED], pictures=ALIKE + (0 if quick else TIMED), quick=quick),
    }


def _agreement(python: Path, folder: Path, device: str) -> dict[str, Any]:
    """Both sides on `ALIKE` pictures with two layers in each tower."""
    file = folder / "HPS_v2.1_compressed.pt"
    write_checkpoint(file, QUICK_LAYERS, QUICK_LAYERS)
    samples = pictures(folder, ALIKE)
    with Peer(python, file, layers=QUICK_LAYERS, device=device) as peer:
        theirs = [value for told in _ask(peer, samples) for value in told.scores]
        patches = peer.patches
    ours = _score(_load(file, device), samples).scores
    return {
        "max_abs_diff": _worst(theirs, ours),
        "spread_of_scores": pstdev(theirs),
        "patches": list(patches),
    }


def _speed(python: Path, folder: Path, device: str) -> dict[str, Any]:
    """Both sides in turn on `TIMED` pictures at full depth."""
    file = folder / "HPS_v2.1_compressed.pt"
    write_checkpoint(file, FULL, 24)
    samples = pictures(folder, TIMED)
    judge = _load(file, device)
    with Peer(python, file, layers=FULL, device=device) as peer:
        alone = _score(judge, samples[: len(PROMPTS)], batch=1)
        theirs = _ask(peer, samples)
        ours = _score(judge, samples)
    return {
        "max_abs_diff_at_full_depth": _worst([value for told in theirs for value in told.scores], ours.scores),
        **_compared(theirs, ours, alone),
    }


def _compared(theirs: Sequence[Told], ours: _Ours, alone: _Ours) -> dict[str, Any]:
    """Seconds of one pass over all pictures on both sides, and their ratios."""
    used, wall, reload, text = (sum(getattr(told, part) for told in theirs) for part in PARTS)
    count = len(ours.scores)
    return {
        "speedup": used / ours.used,
        "resident_speedup": (used - reload) / ours.used,
        "speedup_in_wall_time": wall / ours.wall,
        "reload": {"theirs_seconds": reload, "ours_seconds": 0.0, "times": len(theirs)},
        "text": {"theirs_seconds": text, "ours_seconds": ours.text},
        "batch": {
            "theirs_seconds_a_picture": (used - reload - text) / count,
            "ours_seconds_a_picture": (ours.used - ours.text) / count,
            "ours_one_at_a_time_seconds_a_picture": (alone.used - alone.text) / len(alone.scores),
        },
        "seconds": {"theirs": used, "ours": ours.used, "theirs_wall": wall, "ours_wall": ours.wall},
    }


def _ask(peer: Peer, samples: Sequence[Sample]) -> list[Told]:
    """One call per prompt, in the order of the prompts."""
    return [peer.score([one.file for one in samples if one.prompt == prompt], prompt) for prompt in PROMPTS]


def _load(file: Path, device: str) -> ClipScorer:
    from limner.scoring.hps import load_hps

    return load_hps(str(file), device=device, dtype="auto")


def _score(judge: ClipScorer, samples: Sequence[Sample], batch: int = TIMED) -> _Ours:
    """One pass in the peer's order, as a new request would be: nothing of it is remembered from before."""
    ordered = [one for prompt in PROMPTS for one in samples if one.prompt == prompt]
    pairs = [(Query.of(one.prompt), Picture(one.file.read_bytes(), Recipe(Prompt(""), 0), "bench")) for one in ordered]
    judge.forget()
    began, used = time.perf_counter(), _now(judge)
    for prompt in PROMPTS:
        judge.encode(prompt)
    text = _now(judge) - used
    values = [value for start in range(0, len(pairs), batch) for value in judge.score(pairs[start : start + batch])]
    return _Ours(
        [one.value / 100 for one in values if isinstance(one, Score) and one.value is not None],
        time.perf_counter() - began,
        _now(judge) - used,
        text,
    )


def _now(judge: ClipScorer) -> float:
    """Processor seconds; on a GPU wall seconds, once it has nothing left to do."""
    if judge.device.type == "cuda":
        import torch

        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def _worst(theirs: Sequence[float], ours: Sequence[float]) -> float:
    return max(abs(one - other) for one, other in zip(theirs, ours, strict=True))
