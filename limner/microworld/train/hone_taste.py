"""The taste's second phase: it goes on from the shipped taste, from the start of a fresh cosine.

It learned its choices from drawings. Half of them are now between pictures that the painter made of one scene in six
wordings, with what the oracle read in those that are clear; the others are between drawings, as they are and mixed with
other things by way of the painter's autoencoder. Contents are those of the training split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from limner.microworld.train import beside, painted, painter, taste, tokens
from limner.microworld.train.album import Album, blend, mirror
from limner.microworld.train.loop import Plan, begin, fit, load_average
from limner.microworld.train.taste import Groups, Pupil, choice_loss, make_groups

if TYPE_CHECKING:
    from transformers import CLIPModel, CLIPTokenizer

PLAN = Plan(steps=2000, lr=6e-4, warmup=100, ema=0.998, save_every=500)
FOLDER = painter.FOLDER.parent / "taste"
"""Where the shipped taste stands."""
_SCENES = 2_000
"""Scenes of which the painter makes six pictures each."""
_DRAWN, _MIXED = 3_000, 2_000
"""Groups of rival drawings, and of mixed ones, that are kept."""
_FRESH, _BLENDED, _PAINTED = 16, 16, 32
"""Requests in a batch whose rivals are drawings, mixed ones, and painter's pictures."""
_RIVALS, _PICTURES = 6, 4
"""Drawings for a request, and painter's pictures."""


def start(out: Path) -> tuple[CLIPModel, CLIPTokenizer]:
    """The taste from which the phase started; a copy, because the shipped one may be replaced while it lasts."""
    from transformers import CLIPModel

    folder = beside.copied(FOLDER, out / "hone_taste" / "start")
    return CLIPModel.from_pretrained(folder, dtype=torch.float32), tokens.load(folder)


def train(out: Path, seed: int = 0, steps: int = PLAN.steps) -> nn.Module:
    """Train the shipped taste on."""
    device = begin(out / "hone_taste", seed)
    model, tokenizer = start(out)
    pupil = Pupil(model).to(device)
    rng = np.random.default_rng([seed, 83])
    drawn, mixed = make_groups(_DRAWN, _RIVALS, rng), _mixed(make_groups(_MIXED, _RIVALS, rng), rng)
    answered = painted.by_scene(out / "hone_taste" / "painted.npy", seed, _SCENES)
    answered = [one for one in answered if len(one.album) >= _PICTURES]

    def loss(_step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        drawings = drawn.sample(_FRESH, rng) + mixed.sample(_BLENDED, rng)
        ours = choice_loss(pupil, tokenizer, drawings, rng, device)
        theirs = choice_loss(pupil, tokenizer, own(answered, _PAINTED, rng), rng, device)
        whole = {name: (value + theirs[name]) / 2 for name, value in ours.items()}
        return {**whole, "agree": ours["agree"], "agree_painted": theirs["agree"]}

    return fit(pupil, loss, replace(PLAN, seed=seed, steps=steps), out / "hone_taste")


def _mixed(groups: Groups, rng: np.random.Generator) -> Groups:
    return replace(groups, album=blend(painter.load().vae, groups.album.scenes, rng))


def own(answered: Sequence[painted.Answered], count: int, rng: np.random.Generator) -> Groups:
    """Painter's pictures of some scenes, some of each, every other scene as a mirror shows it."""
    wanted, scenes, pixels = [], [], []
    for number in rng.integers(len(answered), size=count):
        one, turned = answered[int(number)], bool(rng.random() < 0.5)
        for at in rng.permutation(len(one.album))[:_PICTURES]:
            scene, picture = one.album.scenes[int(at)], one.album.pixels[at]
            scenes.append(mirror(scene) if turned else scene)
            pixels.append(picture[:, ::-1] if turned else picture)
        wanted.append(mirror(one.wanted) if turned else one.wanted)
    return Groups(tuple(wanted), _PICTURES, Album(tuple(scenes), np.stack(pixels)))


def ship(out: Path, folder: Path = FOLDER) -> None:
    """Write the moving average of this phase in place of the taste."""
    tokenizer = tokens.load(out / "hone_taste" / "start")
    pupil = Pupil(taste.build(tokenizer))
    load_average(pupil, out / "hone_taste")
    taste.save(pupil.model, tokenizer, folder)
