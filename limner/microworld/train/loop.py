"""The training loop that all models of the embedded world share.

A loss function gets the step's number and its own random generator, both derived from (seed, step) alone: so a
run resumed from a checkpoint goes on exactly as if it had never stopped, and no generator state is stored.
A folder holds `seed`, `checkpoint.pt` (model, moving average, optimiser, step) and `curve.jsonl` (the losses).
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from limner import devices
from limner.microworld.train import beside

Loss = Callable[[int, np.random.Generator], Mapping[str, Tensor]]
"""(step, rng) -> named losses; the one called "loss" is descended, the others are reported."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how fast to train: AdamW, linear warm-up, cosine to zero, moving average of the weights."""

    steps: int
    lr: float
    seed: int = 0
    warmup: int = 200
    weight_decay: float = 0.01
    ema: float = 0.999
    clip: float = 1.0
    report_every: int = 50
    save_every: int = 500


def pick_device() -> torch.device:
    """A CUDA device when there is one, otherwise the processor (one thread: more spin on busy cores)."""
    device = devices.pick_device()
    if device.type == "cpu":
        torch.set_num_threads(1)
    return device


def begin(folder: Path, seed: int) -> torch.device:
    """Hold a model's folder to its seed, seed torch, and pick the device.

    Raises:
        UsageError: the folder was begun with another seed.
    """
    beside.hold(folder, seed)
    torch.manual_seed(seed)
    return pick_device()


def half(device: torch.device) -> torch.autocast:
    """Forward passes in bfloat16 where the device computes in it; a processor that only emulates it stays exact."""
    able = device.type != "cpu" or torch.cpu.get_capabilities().get("avx512_bf16", False)
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=bool(able))


def rate(plan: Plan, step: int) -> float:
    """Learning rate at a step (0-based): linear warm-up, then half a cosine down to zero."""
    warm = min(1.0, (step + 1) / max(1, plan.warmup))
    return plan.lr * warm * 0.5 * (1 + math.cos(math.pi * min(1.0, step / plan.steps)))


def fit(model: nn.Module, loss: Loss, plan: Plan, folder: Path, *, trainable: nn.Module | None = None) -> nn.Module:
    """Train `model` to `plan.steps`, from its checkpoint when there is one, and return its moving average.

    `trainable` names a larger module whose parameters are all trained, saved and averaged (a model with auxiliary
    heads); the averaged copy of that module is returned then. Forward passes run in `half`; parameters, optimiser
    and average stay float32.
    """
    whole = trainable if trainable is not None else model
    device = next(whole.parameters()).device
    parameters = [p for p in whole.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=plan.lr, weight_decay=plan.weight_decay, betas=(0.9, 0.99))
    average = copy.deepcopy(whole).requires_grad_(False).eval()
    folder.mkdir(parents=True, exist_ok=True)
    start = _resume(folder, whole, average, optimiser, device)
    _cut(folder / "curve.jsonl", start)
    whole.train()
    seen: dict[str, float] = {}
    began = time.monotonic()
    for step in range(start, plan.steps):
        losses = _step(loss, plan, step, optimiser, parameters, device)
        _follow(average, whole, plan.ema, step)
        for name, value in losses.items():
            seen[name] = seen.get(name, 0.0) + float(value.detach())
        done = step + 1
        if done % plan.report_every == 0:
            _report(folder, done, plan, seen, (time.monotonic() - began) / (done - start))
            seen = {}
        if done % plan.save_every == 0 or done == plan.steps:
            _save(folder, done, whole, average, optimiser)
    return average


def _step(
    loss: Loss,
    plan: Plan,
    step: int,
    optimiser: torch.optim.Optimizer,
    parameters: list[nn.Parameter],
    device: torch.device,
) -> Mapping[str, Tensor]:
    torch.manual_seed(plan.seed * 1_000_003 + step)
    for group in optimiser.param_groups:
        group["lr"] = rate(plan, step)
    with half(device):
        losses = loss(step, np.random.default_rng([plan.seed, step]))
    optimiser.zero_grad(set_to_none=True)
    losses["loss"].backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(parameters, plan.clip)
    optimiser.step()
    return losses


@torch.no_grad()
def _follow(average: nn.Module, whole: nn.Module, decay: float, step: int) -> None:
    # The average warms up, so that early checkpoints do not remember the random start.
    keep = min(decay, (1 + step) / (10 + step))
    torch._foreach_lerp_(list(average.parameters()), list(whole.parameters()), 1 - keep)
    for mean, value in zip(average.buffers(), whole.buffers(), strict=True):
        mean.copy_(value)


def _report(folder: Path, done: int, plan: Plan, seen: Mapping[str, float], seconds: float) -> None:
    means = {name: round(value / plan.report_every, 5) for name, value in seen.items()}
    left = (plan.steps - done) * seconds / 60
    text = " ".join(f"{name} {value:.4f}" for name, value in means.items())
    print(f"{folder.name} {done}/{plan.steps}  {text}  {seconds:.3f} s/step  {left:.0f} min left", flush=True)
    with (folder / "curve.jsonl").open("a", encoding="utf-8") as curve:
        curve.write(json.dumps({"step": done, **means}) + "\n")


def _save(folder: Path, done: int, whole: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer) -> None:
    state = {
        "step": done,
        "model": whole.state_dict(),
        "average": average.state_dict(),
        "optimiser": optimiser.state_dict(),
    }
    beside.replace(folder / "checkpoint.pt", lambda fresh: torch.save(state, fresh))


def _resume(
    folder: Path, whole: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer, device: torch.device
) -> int:
    path = folder / "checkpoint.pt"
    if not path.exists():
        return 0
    state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    whole.load_state_dict(state["model"])
    average.load_state_dict(state["average"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["step"])


def _cut(curve: Path, start: int) -> None:
    """Drop what was reported after the checkpoint: those steps are done again, and the last line may be half a one."""
    if curve.exists():
        lines = [line for line in curve.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")]
        known = "".join(line for line in lines if json.loads(line)["step"] <= start)
        beside.replace(curve, lambda fresh: fresh.write_text(known, encoding="utf-8"))


def load_average(module: nn.Module, folder: Path) -> nn.Module:
    """Load the moving average that `fit` left in a folder into a module of the same shape."""
    path = folder / "checkpoint.pt"
    if not path.exists():
        raise FileNotFoundError(f"no checkpoint at {path}: train that model first")
    module.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["average"])
    return module.eval()
