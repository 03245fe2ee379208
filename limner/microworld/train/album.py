"""An album: drawings of training scenes from which the eye and the taste model learn.

Pictures of a painter come out of its autoencoder, softer than drawings, so both models also learn from drawings that
went through it. That takes long, so such an album is made once and sampled, every other time as a mirror shows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from limner.microworld.law import Scene
from limner.microworld.train import beside
from limner.microworld.train.loop import half

if TYPE_CHECKING:
    from pathlib import Path

    from diffusers import AutoencoderKL, StableDiffusionPipeline

    from limner.microworld.render import Pixels

Floats = NDArray[np.float64]
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
"""Channel statistics by which CLIP models (OpenAI, HPS v2, LLaVA) normalise pictures."""
_BLENDED = 64
"""Drawings sent through the autoencoder together."""


@dataclass(frozen=True, slots=True)
class Album:
    """Scenes and their drawings, uint8 (N, 48, 48, 3)."""

    scenes: tuple[Scene, ...]
    pixels: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.scenes)

    def __add__(self, other: Album) -> Album:
        return Album(self.scenes + other.scenes, np.concatenate([self.pixels, other.pixels]))

    def sample(self, count: int, rng: np.random.Generator, most: int = 5) -> Album:
        """Some of the pictures with at most `most` things, with replacement, half of them mirrored."""
        few = np.array([len(scene.things) <= most for scene in self.scenes])
        chosen = rng.choice(np.flatnonzero(few), count)
        turned = rng.random(count) < 0.5
        scenes = tuple(mirror(self.scenes[i]) if t else self.scenes[i] for i, t in zip(chosen, turned, strict=True))
        pixels = self.pixels[chosen]
        return Album(scenes, np.where(turned[:, None, None, None], pixels[:, :, ::-1], pixels))


def draw_album(scenes: Sequence[Scene], rng: np.random.Generator) -> Album:
    """Draw each scene once."""
    from limner.microworld.render import render

    return Album(tuple(scenes), np.stack([render(scene, rng) for scene in scenes]))


def soften(vae: AutoencoderKL, count: int, seed: int) -> Album:
    """Drawings of random training scenes as the painter's autoencoder gives them back."""
    from limner.microworld.splits import some_scene

    rng = np.random.default_rng([seed, 77])
    drawn = draw_album([some_scene(rng, "train", objects=(0.25, 0.25, 0.2, 0.15, 0.15)) for _ in range(count)], rng)
    return Album(drawn.scenes, through_vae(drawn.pixels, vae, rng, noise=0.1))


def paint_album(pipeline: StableDiffusionPipeline, count: int, seed: int, path: Path) -> Album:
    """Pictures that a painter made of training captions, with what the oracle read in those that are clear.

    The pixels are kept in a file: painting them takes minutes.
    """
    from limner.microworld.captions import captioned
    from limner.microworld.oracle import read
    from limner.microworld.train.measure import paint

    def painted() -> NDArray[np.uint8]:
        rng = np.random.default_rng([seed, 79])
        prompts = [captioned(rng, "train")[1] for _ in range(count)]
        return np.stack([np.asarray(picture) for picture in paint(pipeline, prompts, seed=seed)])

    pixels = beside.array(path, painted)
    readings = [read(picture) for picture in pixels]
    clear = [i for i, r in enumerate(readings) if r.clear and r.ground is not None and r.well is not None]
    scenes = tuple(Scene(readings[i].things, str(readings[i].ground), readings[i].well is True) for i in clear)
    return Album(scenes, pixels[clear])


def through_vae(
    pixels: Pixels, vae: AutoencoderKL, rng: np.random.Generator, noise: float = 0.0, batch: int = 64
) -> Pixels:
    """Pictures encoded, nudged by up to `noise` deviations in latent space, and decoded."""
    batches = (pixels[start : start + batch] for start in range(0, len(pixels), batch))
    return np.concatenate([_decoded(vae, _nudged(_encoded(vae, some), vae, rng, noise)) for some in batches])


@torch.no_grad()
def _encoded(vae: AutoencoderKL, pixels: Pixels) -> Tensor:
    x = torch.from_numpy(pixels).to(vae.device).permute(0, 3, 1, 2).float() / 127.5 - 1
    with half(vae.device):
        return cast(Tensor, vae.encode(x).latent_dist.mean.float())


def _nudged(latent: Tensor, vae: AutoencoderKL, rng: np.random.Generator, noise: float) -> Tensor:
    strength = rng.uniform(0, noise / float(vae.config.scaling_factor), (len(latent), 1, 1, 1))
    return latent + torch.from_numpy((strength * rng.normal(size=latent.shape)).astype(np.float32)).to(latent.device)


@torch.no_grad()
def _decoded(vae: AutoencoderKL, latent: Tensor) -> Pixels:
    with half(vae.device):
        y = vae.decode(latent).sample.float()
    y = ((y.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return cast("Pixels", y.permute(0, 2, 3, 1).cpu().numpy())


def blend(
    vae: AutoencoderKL, scenes: Sequence[Scene], rng: np.random.Generator, most: float = 0.35, noise: float = 0.2
) -> Album:
    """Drawings as a painter makes them that has not quite made up its mind.

    Each is mixed, in the autoencoder's latents and by up to `most`, with a drawing of the same scene in which each
    thing may be another; the truth stays what outweighs.
    """
    mixed: list[Pixels] = []
    for start in range(0, len(scenes), _BLENDED):
        some = scenes[start : start + _BLENDED]
        seeds = rng.integers(2**32, size=len(some))
        drawn = [draw_each(which, seeds) for which in (some, [doubted(scene, rng) for scene in some])]
        share = rng.uniform(0, most, len(some))
        mixed.append(mix(vae, drawn[0], drawn[1], share, rng, noise))
    return Album(tuple(scenes), np.concatenate(mixed))


def draw_each(scenes: Sequence[Scene], seeds: NDArray[np.int64]) -> Pixels:
    """Each scene drawn by a seed of its own: by one seed, two that differ in a colour are drawn alike but for that."""
    from limner.microworld.render import render

    drawings = [render(scene, np.random.default_rng(int(seed))) for scene, seed in zip(scenes, seeds, strict=True)]
    return np.stack(drawings)


def mix(
    vae: AutoencoderKL,
    first: Pixels,
    second: Pixels,
    share: NDArray[np.float64],
    rng: np.random.Generator,
    noise: float,
) -> Pixels:
    """Drawings mixed in the autoencoder's latents: each of the first by its `share` (N,) with the second."""
    latents = _encoded(vae, first), _encoded(vae, second)
    part = torch.from_numpy(share.astype(np.float32)).view(-1, 1, 1, 1).to(vae.device)
    return _decoded(vae, _nudged(latents[0].lerp(latents[1], part), vae, rng, noise))


def doubted(scene: Scene, rng: np.random.Generator) -> Scene:
    """The scene with half of its things changed: another colour, another shape, or both."""
    from limner.microworld.law import COLOURS, SHAPES

    things = []
    for thing in scene.things:
        how = rng.random()
        shape = str(rng.choice(SHAPES)) if how < 0.3 else thing.shape
        colour = str(rng.choice(list(COLOURS))) if 0.2 < how < 0.5 else thing.colour
        things.append(replace(thing, shape=shape, colour=colour))
    return replace(scene, things=tuple(things))


def mirror(scene: Scene) -> Scene:
    """The scene as a mirror shows it (every shape is its own mirror image)."""
    things = (replace(thing, cell=thing.cell // 3 * 3 + 2 - thing.cell % 3) for thing in scene.things)
    return replace(scene, things=tuple(sorted(things, key=lambda thing: thing.cell)))


def to_model(pixels: NDArray[np.uint8]) -> Tensor:
    """Pictures (N, 48, 48, 3) as a CLIP model sees them: float (N, 3, 48, 48), normalised."""
    x = torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float() / 255
    return (x - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)
