"""The eye: a LLaVA-like model of 1.5 M parameters that answers yes/no questions about pictures.

A CLIP vision tower (patches of 8 pixels) feeds a Llama decoder over a vocabulary of the world's words. First the tower
alone learns to name what stands in each cell, through heads that are then thrown away; then both learn the answers.
Eight questions about a picture share one sequence: each attends to the picture and to itself, with the positions it has
when asked alone, so that training sees what stock inference computes at a third of the cost.
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

from limner.microworld.law import COLOURS, FRAME, GROUNDS, PLACES, SHAPES, SIZES, Kind, Scene
from limner.microworld.questions import KINDS, NUMBERS, ask, draw_question
from limner.microworld.splits import some_scene
from limner.microworld.train.album import MEAN, STD, Album, draw_album, soften, to_model
from limner.microworld.train.loop import Plan, fit, load_average, pick_device

if TYPE_CHECKING:
    from transformers import LlavaForConditionalGeneration, PreTrainedTokenizerFast

PLAN = Plan(steps=3000, lr=1.2e-3, warmup=150, ema=0.998, save_every=250)
SUFFIX = " Answer yes or no."
_PATCH = 8
_TOKENS = (FRAME // _PATCH) ** 2
_WIDTH = 128
_SPREAD = 0.07
"""Deviation of initial weights: near 1 / sqrt(width); at the usual 0.02 attention starts flat and stays so for long."""
_SOFTENED = 6_000
"""Drawings sent through the autoencoder."""
_BATCH, _ASKED = 48, 8
_LOOKING = 500
"""Steps in which the vision tower alone is trained."""
_CURRICULUM: tuple[tuple[float, tuple[float, ...]], ...] = (
    (_LOOKING, (0.2, 0.2, 0.2, 0.2, 0.2)),
    (1000, (0.7, 0.3)),
    (1400, (0.4, 0.35, 0.25)),
    (float("inf"), (0.25, 0.25, 0.2, 0.15, 0.15)),
)
"""Chances of one, two ... things in a picture, until a step: binding words to one thing is learnt first."""
_SLOT = 17
"""Tokens of the longest question."""
_MIX: dict[Kind, float] = {
    "exists": 1.0, "attribute": 0.8, "count": 1.3, "size": 0.9, "relation": 1.6, "place": 1.3, "ground": 0.3,
    "quality": 0.4,
}  # fmt: skip
_SPECIAL = ("<pad>", "<unk>", "<s>", "</s>", "<image>")
CHAT_TEMPLATE = (
    "{% for message in messages %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>\n{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endfor %}"
)


def build_tokenizer() -> PreTrainedTokenizerFast:
    """One token per word of the world's questions, whatever the letters' case."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = "is are there a an the exactly picture drawn well background at of "
    words += "left right above below yes no answer or ? ."
    plurals = [shape + ("es" if shape.endswith("s") else "s") for shape in SHAPES]
    vocabulary = [*_SPECIAL, *words.split(), *NUMBERS, *SIZES, *COLOURS, *GROUNDS, *SHAPES, *plurals]
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
        hidden_size=_WIDTH, intermediate_size=384, num_hidden_layers=4, num_attention_heads=4, image_size=FRAME,
        patch_size=_PATCH, projection_dim=_WIDTH, initializer_range=0.05,
    )  # fmt: skip
    language = LlamaConfig(
        vocab_size=vocabulary, hidden_size=_WIDTH, intermediate_size=256, num_hidden_layers=5, num_attention_heads=4,
        max_position_embeddings=128, pad_token_id=0, bos_token_id=2, eos_token_id=3, tie_word_embeddings=True,
        initializer_range=_SPREAD,
    )  # fmt: skip
    return LlavaForConditionalGeneration(
        LlavaConfig(
            attn_implementation="eager",  # twice as fast to train on a processor as fused attention with a mask
            vision_config=vision, text_config=language, image_token_id=image_token, image_seq_length=_TOKENS,
            vision_feature_layer=-1, vision_feature_select_strategy="default", tie_word_embeddings=True,
        )
    )  # fmt: skip


class _Pupil(nn.Module):
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
        self.frame = nn.Linear(_WIDTH, len(GROUNDS) + 1)

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

    def answers(self, patches: Tensor, tokens: Tensor, ends: Tensor) -> Tensor:
        """Logits (N, Q, vocabulary) after each question; tokens (N, Q, slot), ends (N, Q) the last token of each."""
        count, asked, slot = tokens.shape
        llava = self.model.model
        embedded = llava.get_input_embeddings()(tokens.flatten(1))
        inputs = torch.cat([llava.multi_modal_projector(patches).to(embedded.dtype), embedded], 1)
        positions = torch.cat([torch.arange(_TOKENS), (_TOKENS + torch.arange(slot)).repeat(asked)])
        mask = _shared_mask(asked, slot).to(inputs.device).expand(count, 1, -1, -1)
        hidden = (
            llava.language_model(
                inputs_embeds=inputs,
                attention_mask=mask,
                position_ids=positions[None].to(inputs.device),
                use_cache=False,
            )
            .last_hidden_state[:, _TOKENS:]
            .view(count, asked, slot, _WIDTH)
        )
        last = hidden.gather(2, ends[..., None, None].expand(-1, -1, 1, _WIDTH))[:, :, 0]
        return cast(Tensor, self.model.lm_head(last))


def _shared_mask(asked: int, slot: int) -> Tensor:
    """What attention adds (1, 1, L, L): 0 from a token to the picture and to its own question before it, else -inf."""
    owner = torch.cat([torch.full((_TOKENS,), -1), torch.arange(asked).repeat_interleave(slot)])
    causal = torch.ones(len(owner), len(owner), dtype=torch.bool).tril()
    seen = causal & ((owner[None] == -1) | (owner[None] == owner[:, None]))
    return torch.zeros(seen.shape).masked_fill(~seen, float("-inf"))[None, None]


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


@dataclass(frozen=True, slots=True)
class Lesson:
    """Questions about pictures: tokens (N, Q, slot), the last token's index (N, Q), and 1 where the answer is yes."""

    tokens: Tensor
    ends: Tensor
    yes: Tensor

    def to(self, device: torch.device) -> Lesson:
        """The lesson on a device."""
        return Lesson(self.tokens.to(device), self.ends.to(device), self.yes.to(device))


class Teacher:
    """Invents balanced questions about scenes and turns them into tokens."""

    def __init__(self, vocabulary: dict[str, int]) -> None:
        self._ids = vocabulary
        self.yes, self.no = vocabulary["yes"], vocabulary["no"]
        weights = np.array([_MIX[kind] for kind in KINDS])
        self._chances = weights / weights.sum()

    def ask(self, scenes: Sequence[Scene], rng: np.random.Generator) -> Lesson:
        """Eight questions about each scene."""
        tokens = np.zeros((len(scenes), _ASKED, _SLOT), np.int64)
        ends = np.zeros((len(scenes), _ASKED), np.int64)
        yes = np.zeros((len(scenes), _ASKED), np.float32)
        for row, scene in enumerate(scenes):
            for column in range(_ASKED):
                question, answer = self._question(scene, rng)
                ids = self.encode(question + SUFFIX)
                tokens[row, column, : len(ids)] = ids
                ends[row, column], yes[row, column] = len(ids) - 1, answer
        return Lesson(torch.from_numpy(tokens), torch.from_numpy(ends), torch.from_numpy(yes))

    def _question(self, scene: Scene, rng: np.random.Generator) -> tuple[str, bool]:
        while True:
            kind = KINDS[int(rng.choice(len(KINDS), p=self._chances))]
            answer = scene.well if kind == "quality" else bool(rng.random() < 0.5)
            constraint = draw_question(rng, scene, kind, answer)
            if constraint is not None:
                return ask(constraint), answer

    def encode(self, text: str) -> list[int]:
        """The tokenizer's ids, without its overhead for single short texts."""
        return [self._ids[word] for word in text.lower().replace("?", " ?").replace(".", " .").split()]


def train(out: Path, seed: int = 0, steps: int = PLAN.steps) -> nn.Module:
    """Train on drawings of training scenes, half of them as the painter's autoencoder gives them back."""
    from limner.microworld.train import vae

    device = pick_device()
    torch.manual_seed(seed)
    pupil, teacher = _school()
    pupil.to(device)
    soft = soften(vae.load(out), _SOFTENED, seed)

    def loss(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        looking = step < _LOOKING
        count = _BATCH * (2 if looking else 1)
        objects = next(objects for until, objects in _CURRICULUM if step < until)
        scenes = [some_scene(rng, "train", objects=objects) for _ in range(count // 2)]
        album = draw_album(scenes, rng) + soft.sample(count // 2, rng, most=len(objects))
        return _lesson_loss(pupil, teacher, album, rng, device, looking=looking)

    return fit(pupil, loss, replace(PLAN, seed=seed, steps=steps), out / "eye")


def _school() -> tuple[_Pupil, Teacher]:
    tokenizer = build_tokenizer()
    vocabulary = tokenizer.get_vocab()
    return _Pupil(build(len(tokenizer), vocabulary["<image>"]), vocabulary), Teacher(vocabulary)


def _lesson_loss(
    pupil: _Pupil, teacher: Teacher, album: Album, rng: np.random.Generator, device: torch.device, *, looking: bool
) -> dict[str, Tensor]:
    """Cross-entropy of the answers over the whole vocabulary, plus that of naming; naming alone while `looking`."""
    patches = pupil.look(to_model(album.pixels).to(device))
    naming = pupil.naming(patches, label(album.scenes))
    if looking:
        return {"loss": naming, "naming": naming}
    lesson = teacher.ask(album.scenes, rng).to(device)
    logits = pupil.answers(patches, lesson.tokens, lesson.ends).float()
    wanted = torch.where(lesson.yes > 0.5, teacher.yes, teacher.no)
    answer = F.cross_entropy(logits.flatten(0, 1), wanted.flatten())
    right = (logits[..., teacher.yes] > logits[..., teacher.no]) == (lesson.yes > 0.5)
    return {"loss": answer + 0.2 * naming, "answer": answer, "right": right.float().mean(), "naming": naming}


def tower(out: Path) -> nn.Module:
    """The vision tower of the trained eye."""
    pupil, _ = _school()
    load_average(pupil, out / "eye")
    return cast(nn.Module, pupil.model.model.vision_tower)


def ship(out: Path, folder: Path) -> None:
    """Write the trained eye as a LLaVA folder in fp16, for `AutoModelForImageTextToText` and `AutoProcessor`."""
    pupil, _ = _school()
    load_average(pupil, out / "eye")
    save(pupil.model, build_tokenizer(), folder)


def save(model: LlavaForConditionalGeneration, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write a model, its tokenizer and the preparation of its pictures."""
    from transformers import CLIPImageProcessorPil, LlavaProcessor

    model.half().save_pretrained(folder)
    prepare = CLIPImageProcessorPil(
        size={"height": FRAME, "width": FRAME}, crop_size={"height": FRAME, "width": FRAME}, do_center_crop=False,
        image_mean=list(MEAN), image_std=list(STD),
    )  # fmt: skip
    LlavaProcessor(
        prepare, tokenizer, patch_size=_PATCH, vision_feature_select_strategy="default",
        num_additional_image_tokens=1, chat_template=CHAT_TEMPLATE,
    ).save_pretrained(folder)  # fmt: skip
