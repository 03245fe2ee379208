"""The eye's model, and the first thing that it learns: its vision tower names what stands in each cell.

A CLIP vision tower (patches of 8 pixels) feeds a Llama decoder over a vocabulary of the world's words, as in LLaVA.
Names are learnt through heads that are thrown away; the eye and the taste both begin with this tower.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limner.microworld.language import plural
from limner.microworld.law import COLOURS, FRAME, GROUNDS, PLACES, SHAPES, SIZES, Scene
from limner.microworld.questions import NUMBERS
from limner.microworld.splits import some_scene
from limner.microworld.train.album import draw_album, soften, to_model
from limner.microworld.train.loop import Plan, begin, fit, load_average

if TYPE_CHECKING:
    from transformers import LlavaForConditionalGeneration, PreTrainedTokenizerFast

PLAN = Plan(steps=900, lr=1.2e-3, warmup=150, ema=0.998, save_every=150)
PATCH = 8
TOKENS = (FRAME // PATCH) ** 2
WIDTH = 128
SOFTENED = 4_000
"""Drawings sent through the painter's autoencoder."""
_SPREAD = 0.07
"""Deviation of initial weights: near 1 / sqrt(width); at the usual 0.02 attention starts flat and stays so for long."""
_BATCH = 80
_SPECIAL = ("<pad>", "<unk>", "<s>", "</s>", "<image>")


def build_tokenizer() -> PreTrainedTokenizerFast:
    """One token per word of the world's questions, whatever the letters' case."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = "is are there a an the exactly picture drawn well background at of "
    words += "left right above below yes no answer or ? ."
    vocabulary = [*_SPECIAL, *words.split(), *NUMBERS, *SIZES, *COLOURS, *GROUNDS, *SHAPES, *map(plural, SHAPES)]
    vocabulary += " ".join(PLACES).split()
    ids = {word: index for index, word in enumerate(dict.fromkeys(vocabulary))}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"\w+|[^\w\s]"), behavior="removed", invert=True)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        additional_special_tokens=["<image>"],
        extra_special_tokens={"image_token": "<image>"},
        padding_side="left",
        model_max_length=128,
    )


def build(vocabulary: int, image_token: int) -> LlavaForConditionalGeneration:
    """The untrained model."""
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

    vision = CLIPVisionConfig(
        hidden_size=WIDTH, intermediate_size=384, num_hidden_layers=4, num_attention_heads=4, image_size=FRAME,
        patch_size=PATCH, projection_dim=WIDTH, initializer_range=0.05,
    )  # fmt: skip
    language = LlamaConfig(
        vocab_size=vocabulary, hidden_size=WIDTH, intermediate_size=256, num_hidden_layers=5, num_attention_heads=4,
        max_position_embeddings=128, pad_token_id=0, bos_token_id=2, eos_token_id=3, tie_word_embeddings=True,
        initializer_range=_SPREAD,
    )  # fmt: skip
    return LlavaForConditionalGeneration(
        LlavaConfig(
            attn_implementation="eager",  # twice as fast to train on a processor as fused attention with a mask
            vision_config=vision, text_config=language, image_token_id=image_token, image_seq_length=TOKENS,
            vision_feature_layer=-1, vision_feature_select_strategy="default", tie_word_embeddings=True,
        )
    )  # fmt: skip


class Pupil(nn.Module):
    """The model, with what its vision tower first learns by: naming what each patch belongs to.

    Names are read off against the language model's own word embeddings, so that a patch of a red circle comes to lie
    near "red" and "circle", and finding the thing that a question speaks of is near to a plain dot product.
    """

    def __init__(self, model: LlavaForConditionalGeneration, vocabulary: dict[str, int]) -> None:
        super().__init__()
        self.model = model
        ids = vocabulary
        shapes = [ids["background"], *(ids[shape] for shape in SHAPES)]
        self._words = {
            "shape": shapes,
            "colour": [ids[colour] for colour in COLOURS],
            "size": [ids[size] for size in SIZES],
            "row": [ids[word] for word in ("top", "center", "bottom")],
            "column": [ids[word] for word in ("left", "center", "right")],
        }
        self.frame = nn.Linear(WIDTH, len(GROUNDS) + 1)

    def look(self, pixels: Tensor) -> Tensor:
        """Patch features (N, 36, width), as the language model gets them before the projector."""
        tower = self.model.model.vision_tower
        return cast(Tensor, tower(pixels, output_hidden_states=True).hidden_states[-1][:, 1:])

    def naming(self, patches: Tensor, labels: Labels) -> Tensor:
        """Cross-entropy of naming what stands in each patch's cell and where that is, the ground and the quality."""
        words = self.model.get_input_embeddings().weight
        shown = self.model.model.multi_modal_projector(patches)
        loss = shown.new_zeros((), dtype=torch.float32)
        for name, ids in self._words.items():
            logits = (shown @ words[ids].T).float()
            wanted = labels.cells[name].to(logits.device).repeat_interleave(2, 1).repeat_interleave(2, 2)
            loss = loss + F.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=-1)
        ground, well = self.frame(patches.mean(1)).float().split((len(GROUNDS), 1), -1)
        loss = loss + 0.3 * F.cross_entropy(ground, labels.ground.to(ground.device))
        return cast(Tensor, loss + 0.5 * F.binary_cross_entropy_with_logits(well[:, 0], labels.well.to(well.device)))


@dataclass(frozen=True, slots=True)
class Labels:
    """Class indices: per cell, each (N, 3, 3) (shape 0 is an empty cell, colour and size -1 there), and per frame."""

    cells: dict[str, Tensor]
    ground: Tensor
    well: Tensor


def label(scenes: Sequence[Scene]) -> Labels:
    """What the vision tower shall name."""
    cells = np.full((3, len(scenes), 9), -1, np.int64)
    cells[0] = 0
    colours, grounds = list(COLOURS), list(GROUNDS)
    for index, scene in enumerate(scenes):
        for thing in scene.things:
            named = SHAPES.index(thing.shape) + 1, colours.index(thing.colour), SIZES.index(thing.size)
            cells[:, index, thing.cell] = named
    shape, colour, size = torch.from_numpy(cells).view(3, -1, 3, 3)
    row = torch.arange(3)[None, :, None].expand(shape.shape)
    named_cells = {"shape": shape, "colour": colour, "size": size, "row": row, "column": row.transpose(1, 2)}
    ground = torch.tensor([grounds.index(scene.ground) for scene in scenes])
    return Labels(named_cells, ground, torch.tensor([float(scene.well) for scene in scenes]))


def school() -> tuple[Pupil, PreTrainedTokenizerFast]:
    """An untrained model with its heads, and its tokenizer."""
    tokenizer = build_tokenizer()
    vocabulary = tokenizer.get_vocab()
    return Pupil(build(len(tokenizer), vocabulary["<image>"]), vocabulary), tokenizer


def train(out: Path, seed: int = 0, steps: int = PLAN.steps) -> nn.Module:
    """Train on naming alone; drawings of training scenes, half of them as the painter's autoencoder gives them back."""
    from limner.microworld.train import painter

    device = begin(out / "tower", seed)
    pupil, _ = school()
    pupil.to(device)
    soft = soften(painter.load().vae, SOFTENED, seed)

    def loss(_step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        scenes = [some_scene(rng, "train", objects=(0.2, 0.2, 0.2, 0.2, 0.2)) for _ in range(_BATCH // 2)]
        album = draw_album(scenes, rng) + soft.sample(_BATCH // 2, rng)
        naming = pupil.naming(pupil.look(to_model(album.pixels).to(device)), label(album.scenes))
        return {"loss": naming}

    return fit(pupil, loss, replace(PLAN, seed=seed, steps=steps), out / "tower")


def load(out: Path) -> Pupil:
    """The model whose tower a training folder has trained."""
    pupil, _ = school()
    return load_average(pupil, out / "tower")  # type: ignore[return-value]
