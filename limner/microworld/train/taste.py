"""The taste: a CLIPModel of 1.4 M parameters that prefers pictures as people of the embedded world do.

Trained as HPS v2 was: pictures made for one request, choices between two of them, and cross-entropy on the softmax of
their two scaled cosines with the request. HPS v2 began from CLIP, which already ties words to what they show; here the
vision tower begins as the eye's, and both towers learn, beside the choices, to name what is shown and what is asked
through one shared head.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from limner.microworld.grammar import request
from limner.microworld.law import COLOURS, FRAME, SHAPES, SIZES, Constraint, Noun, Scene
from limner.microworld.preference import TEMPERATURE, rival, utility
from limner.microworld.splits import some_scene
from limner.microworld.train.album import MEAN, STD, Album, draw_album, through_vae, to_model
from limner.microworld.train.loop import Plan, begin, fit, load_average

if TYPE_CHECKING:
    from diffusers import AutoencoderKL
    from transformers import CLIPModel, CLIPTokenizer

    from limner.microworld.render import Pixels

PLAN = Plan(steps=1700, lr=1.2e-3, warmup=150, ema=0.998, save_every=200)
_WIDTH = 128
_REQUESTS, _RIVALS = 24, 6
"""Requests in a batch, and pictures for each of them."""
_SOFTENED = 1_000
"""Groups of rivals whose pictures went through the painter's autoencoder."""
_NAMING = 0.5
"""Weight of naming against the choices."""


def build(tokenizer: CLIPTokenizer) -> CLIPModel:
    """The untrained model."""
    from transformers import CLIPConfig, CLIPModel

    vision = {
        "hidden_size": _WIDTH, "intermediate_size": 384, "num_hidden_layers": 4, "num_attention_heads": 4,
        "image_size": FRAME, "patch_size": 8, "initializer_range": 0.05,
    }  # fmt: skip
    text = {
        "vocab_size": len(tokenizer), "hidden_size": _WIDTH, "intermediate_size": 384, "num_hidden_layers": 3,
        "num_attention_heads": 4, "max_position_embeddings": tokenizer.model_max_length,
        "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id, "initializer_range": 0.05,
    }  # fmt: skip
    return CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=_WIDTH))


class Pupil(nn.Module):
    """The model, with the head through which both towers learn to name."""

    def __init__(self, model: CLIPModel) -> None:
        super().__init__()
        self.model = model
        self.names = nn.Linear(_WIDTH, NAMES)

    def forward(self, pixels: Tensor, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Features of pictures (N, width) and requests (M, width), not yet normalised."""
        images = self.model.get_image_features(pixel_values=pixels).pooler_output
        texts = self.model.get_text_features(input_ids=tokens, attention_mask=mask).pooler_output
        return images.float(), texts.float()


# -- names: what both a picture and a request can be said to hold ----------------------------------------------------

_COLOURS = list(COLOURS)
NAMES = len(SHAPES) * (1 + len(_COLOURS) + len(SIZES) + 9)
"""A shape; a shape with a colour; with a size; at a place."""


def _name(nouns: Sequence[tuple[Noun, int | None]]) -> NDArray[np.float32]:
    named = np.zeros((len(SHAPES), 1 + len(_COLOURS) + len(SIZES) + 9), np.float32)
    for noun, cell in nouns:
        row = named[SHAPES.index(noun.shape)]
        row[0] = 1
        if noun.colour is not None:
            row[1 + _COLOURS.index(noun.colour)] = 1
        if noun.size is not None:
            row[1 + len(_COLOURS) + SIZES.index(noun.size)] = 1
        if cell is not None:
            row[-9 + cell] = 1
    return named.ravel()


def name_scene(scene: Scene) -> NDArray[np.float32]:
    """What a picture holds: 0 or 1 for each name."""
    return _name([(Noun(thing.shape, thing.colour, thing.size), thing.cell) for thing in scene.things])


def name_request(constraints: Sequence[Constraint]) -> NDArray[np.float32]:
    """What a request speaks of: 0 or 1 for each name."""
    nouns = [(c.noun, c.cell) for c in constraints if c.noun is not None]
    return _name([*nouns, *((c.other, None) for c in constraints if c.other is not None)])


# -- groups: a scene somebody wants, and pictures that a painter may give --------------------------------------------


@dataclass(frozen=True, slots=True)
class Groups:
    """Wanted scenes, and for each a row of rival pictures: `album` holds `rivals` of them for each, in order."""

    wanted: tuple[Scene, ...]
    rivals: int
    album: Album

    def sample(self, count: int, rng: np.random.Generator) -> Groups:
        """Some of the groups, with replacement."""
        chosen = rng.integers(0, len(self.wanted), count)
        rows = (chosen[:, None] * self.rivals + np.arange(self.rivals)).ravel()
        album = Album(tuple(self.album.scenes[i] for i in rows), self.album.pixels[rows])
        return Groups(tuple(self.wanted[i] for i in chosen), self.rivals, album)

    def __add__(self, other: Groups) -> Groups:
        return Groups(self.wanted + other.wanted, self.rivals, self.album + other.album)


def make_groups(count: int, rivals: int, rng: np.random.Generator) -> Groups:
    """Fresh drawings of rivals for random training scenes."""
    wanted = tuple(some_scene(rng, "train") for _ in range(count))
    return Groups(wanted, rivals, draw_album([rival(scene, rng) for scene in wanted for _ in range(rivals)], rng))


def soften_groups(vae: AutoencoderKL, count: int, seed: int) -> Groups:
    """Groups whose pictures the painter's autoencoder gave back."""
    rng = np.random.default_rng([seed, 78])
    groups = make_groups(count, _RIVALS, rng)
    pixels: Pixels = through_vae(groups.album.pixels, vae, rng, noise=0.1)
    return replace(groups, album=Album(groups.album.scenes, pixels))


def train(out: Path, seed: int = 0, steps: int = PLAN.steps) -> nn.Module:
    """Train on choices between rivals, half of them fresh drawings and half softened."""
    from limner.microworld.train import painter, tokens, tower

    device = begin(out / "taste", seed)
    tokenizer = tokens.kept(out / "taste" / "tokenizer")
    pupil = Pupil(build(tokenizer)).to(device)
    pupil.model.vision_model.load_state_dict(tower.load(out).model.model.vision_tower.state_dict())
    soft = soften_groups(painter.load().vae, _SOFTENED, seed)

    def loss(_step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        groups = make_groups(_REQUESTS // 2, _RIVALS, rng) + soft.sample(_REQUESTS // 2, rng)
        return choice_loss(pupil, tokenizer, groups, rng, device)

    return fit(pupil, loss, replace(PLAN, seed=seed, steps=steps), out / "taste")


def choice_loss(
    pupil: Pupil, tokenizer: CLIPTokenizer, groups: Groups, rng: np.random.Generator, device: torch.device
) -> dict[str, Tensor]:
    """Cross-entropy of every choice between two rivals, plus that of naming."""
    asked = [request(scene, rng) for scene in groups.wanted]
    scenes, rivals = groups.album.scenes, groups.rivals
    useful = torch.tensor([[utility(s, a.constraints) for s in scenes[i * rivals : (i + 1) * rivals]]
                           for i, a in enumerate(asked)])  # fmt: skip
    tokens = tokenizer([a.text for a in asked], padding=True, truncation=True, return_tensors="pt").to(device)
    images, texts = pupil(to_model(groups.album.pixels).to(device), tokens["input_ids"], tokens["attention_mask"])
    rows = F.normalize(images, dim=-1).view(len(asked), rivals, -1)
    cosine = torch.einsum("gd,gkd->gk", F.normalize(texts, dim=-1), rows)
    first, second = torch.triu_indices(rivals, rivals, 1)
    useful = useful.to(device)
    gap = useful[:, first] - useful[:, second]
    chosen = torch.sigmoid(gap / TEMPERATURE)  # as a crowd chooses: what single people's choices are on average
    score = pupil.model.logit_scale.exp() * cosine
    choice = F.binary_cross_entropy_with_logits(score[:, first] - score[:, second], chosen)
    agree = ((cosine[:, first] > cosine[:, second]) == (gap > 0))[gap.abs() > 1e-6].float().mean()
    shown = torch.from_numpy(np.stack([name_scene(scene) for scene in scenes])).to(device)
    spoken = torch.from_numpy(np.stack([name_request(a.constraints) for a in asked])).to(device)
    naming = F.binary_cross_entropy_with_logits(pupil.names(images), shown)
    naming = naming + F.binary_cross_entropy_with_logits(pupil.names(texts), spoken)
    return {"loss": choice + _NAMING * naming, "choice": choice, "agree": agree, "naming": naming}


def ship(out: Path, folder: Path) -> None:
    """Write the trained taste as a CLIPModel folder in fp16, with its tokenizer."""
    from limner.microworld.train import tokens

    tokenizer = tokens.kept(out / "taste" / "tokenizer")
    pupil = Pupil(build(tokenizer))
    load_average(pupil, out / "taste")
    save(pupil.model, tokenizer, folder)


def save(model: CLIPModel, tokenizer: CLIPTokenizer, folder: Path) -> None:
    """Write a model, its tokenizer and how its pictures are prepared."""
    from transformers import CLIPImageProcessorPil

    model.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    CLIPImageProcessorPil(
        size={"height": FRAME, "width": FRAME}, do_center_crop=False, image_mean=list(MEAN), image_std=list(STD)
    ).save_pretrained(folder)
    (folder / "limner.json").write_text(json.dumps({"preprocess": "hps", "image_size": FRAME}) + "\n", encoding="utf-8")
