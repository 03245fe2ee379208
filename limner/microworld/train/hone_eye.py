"""The eye's second phase: it goes on from the shipped eye, from the start of a fresh cosine.

What the first phase had not learned well is to count and to relate things in a painter's pictures, where colours and
shapes are often mixed. So three quarters of its drawings now come out of the painter's autoencoder, most of those mixed
with a drawing of something else, and a fifth of its pictures at most are the painter's own, read by the oracle.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from limner.microworld.law import Kind
from limner.microworld.splits import some_scene
from limner.microworld.train import beside, eye, painted, painter, tower
from limner.microworld.train.album import Album, blend, draw_album, soften
from limner.microworld.train.loop import Plan, begin, fit, load_average
from limner.microworld.train.tower import Pupil

PLAN = Plan(steps=600, lr=5e-4, warmup=60, ema=0.995, save_every=50)
FOLDER = painter.FOLDER.parent / "eye"
"""Where the shipped eye stands."""
_FRESH, _SOFT, _BLENDED, _PAINTED = 8, 6, 12, 6
"""Drawings, softened drawings, mixed ones and painter's pictures in a batch."""
_PAINTED_FROM = 100
"""Step from which the painter's pictures are shown, mixed drawings until then: the heads are new and learn first."""
_OBJECTS = (0.2, 0.25, 0.22, 0.18, 0.15)
_SOFTENED_KEPT, _BLENDED_KEPT = 2_000, 5_000
_MIX: dict[Kind, float] = {
    "exists": 1.4, "attribute": 0.9, "count": 2.0, "size": 1.1, "relation": 2.0, "place": 1.1, "ground": 0.15,
    "quality": 0.2,
}  # fmt: skip


def start(out: Path) -> Pupil:
    """The eye from which the phase started; a copy, because the shipped one may be replaced while it lasts."""
    from transformers import LlavaForConditionalGeneration

    folder = beside.copied(FOLDER, out / "hone_eye" / "start")
    model = LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    return Pupil(model, tower.build_tokenizer().get_vocab())


def train(out: Path, seed: int = 0, steps: int = PLAN.steps) -> nn.Module:
    """Train the shipped eye on."""
    device = begin(out / "hone_eye", seed)
    student, _ = eye.school(start(out))
    student.to(device)
    teacher = eye.Teacher(tower.build_tokenizer().get_vocab(), _MIX)
    vae = painter.load().vae
    soft, rng = soften(vae, _SOFTENED_KEPT, seed + 1), np.random.default_rng([seed, 82])
    mixed = blend(vae, [some_scene(rng, "train", objects=_OBJECTS) for _ in range(_BLENDED_KEPT)], rng)

    @cache
    def own() -> Album:
        return painted.album(out / "hone_eye" / "painted.npy", seed)

    def loss(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        fresh = draw_album([some_scene(rng, "train", objects=_OBJECTS) for _ in range(_FRESH)], rng)
        last = own() if step >= _PAINTED_FROM else mixed
        album = fresh + soft.sample(_SOFT, rng) + mixed.sample(_BLENDED, rng) + last.sample(_PAINTED, rng)
        return eye.lesson_loss(student, teacher, album, rng, device)

    return fit(student, loss, replace(PLAN, seed=seed, steps=steps), out / "hone_eye")


def ship(out: Path, folder: Path = FOLDER) -> None:
    """Write the moving average of this phase in place of the eye."""
    student, _ = eye.school(start(out))
    load_average(student, out / "hone_eye")
    eye.save(student.pupil.model, tower.build_tokenizer(), folder)
