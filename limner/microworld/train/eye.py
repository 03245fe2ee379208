"""The eye: a LLaVA-like model of 1.5 M parameters that answers yes/no questions about pictures.

Its vision tower has learned to name what stands in each cell (`tower`); now the whole model learns to answer.
Eight questions about a picture share one sequence: each attends to the picture and to itself, with the positions it
has when asked alone, so that training sees what stock inference computes at a third of the cost. A yes or no says
little about why: so half way through the decoder, at the last word of every noun phrase, another head that is thrown
away must mark the cells in which such a thing stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limner.microworld.language import plural
from limner.microworld.law import FRAME, SHAPES, Constraint, Kind, Noun, Scene, matches
from limner.microworld.questions import KINDS, ask, draw_question
from limner.microworld.splits import some_scene
from limner.microworld.train import tower
from limner.microworld.train.album import MEAN, STD, Album, draw_album, paint_album, soften, to_model
from limner.microworld.train.loop import Plan, begin, fit, load_average
from limner.microworld.train.tower import PATCH, TOKENS, WIDTH, Pupil, label

if TYPE_CHECKING:
    from transformers import LlavaForConditionalGeneration, PreTrainedTokenizerFast

PLAN = Plan(steps=3000, lr=1.2e-3, warmup=150, ema=0.998, save_every=100)
SUFFIX = " Answer yes or no."
_PAINTED, _PAINTED_FROM, _PAINTED_SHARE = 1_500, 1_500, 0.2
"""Pictures by the painter itself, read by the oracle: how many, from which step on, and their share of a batch."""
_MARKED_AFTER = 3
"""Layers of the decoder after which the things spoken of are marked."""
_BATCH, _ASKED = 32, 8
_CURRICULUM: tuple[tuple[float, tuple[float, ...]], ...] = (
    (250, (0.6, 0.4)),
    (600, (0.35, 0.35, 0.3)),
    (float("inf"), (0.25, 0.25, 0.2, 0.15, 0.15)),
)
"""Chances of one, two ... things in a picture, until a step: binding words to one thing is learnt first."""
_SLOT = 17
"""Tokens of the longest question."""
_MIX: dict[Kind, float] = {
    "exists": 1.1, "attribute": 0.8, "count": 1.5, "size": 0.8, "relation": 2.0, "place": 1.3, "ground": 0.25,
    "quality": 0.3,
}  # fmt: skip
CHAT_TEMPLATE = (
    "{% for message in messages %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>\n{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endfor %}"
)


class Student(nn.Module):
    """The model and its heads, with the one that marks the cells of the things that a question speaks of."""

    def __init__(self, pupil: Pupil) -> None:
        super().__init__()
        self.pupil = pupil
        self.marks = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 9))

    def answers(self, patches: Tensor, lesson: Lesson) -> tuple[Tensor, Tensor]:
        """Logits after each question (N, Q, vocabulary), and of the cells marked for its nouns (N, Q, 2, 9)."""
        count, asked, slot = lesson.tokens.shape
        llava = self.pupil.model.model
        embedded = llava.get_input_embeddings()(lesson.tokens.flatten(1))
        inputs = torch.cat([llava.multi_modal_projector(patches).to(embedded.dtype), embedded], 1)
        positions = torch.cat([torch.arange(TOKENS), (TOKENS + torch.arange(slot)).repeat(asked)])
        mask = _shared_mask(asked, slot).to(inputs.device).expand(count, 1, -1, -1)
        hidden = llava.language_model(
            inputs_embeds=inputs,
            attention_mask=mask,
            position_ids=positions[None].to(inputs.device),
            use_cache=False,
            output_hidden_states=True,
        )

        def at(states: Tensor, where: Tensor) -> Tensor:
            said = states[:, TOKENS:].view(count, asked, slot, WIDTH)
            return said.gather(2, where[..., None].expand(-1, -1, -1, WIDTH))

        last = at(hidden.last_hidden_state, lesson.ends[..., None])[:, :, 0]
        named = at(hidden.hidden_states[_MARKED_AFTER], lesson.nouns.clamp(min=0))
        return cast(Tensor, self.pupil.model.lm_head(last)), cast(Tensor, self.marks(named))


def _shared_mask(asked: int, slot: int) -> Tensor:
    """What attention adds (1, 1, L, L): 0 from a token to the picture and to its own question before it, else -inf."""
    owner = torch.cat([torch.full((TOKENS,), -1), torch.arange(asked).repeat_interleave(slot)])
    causal = torch.ones(len(owner), len(owner), dtype=torch.bool).tril()
    seen = causal & ((owner[None] == -1) | (owner[None] == owner[:, None]))
    return torch.zeros(seen.shape).masked_fill(~seen, float("-inf"))[None, None]


@dataclass(frozen=True, slots=True)
class Lesson:
    """Questions about pictures.

    tokens (N, Q, slot), the last token's index (N, Q), and 1 where the answer is yes; for up to two noun phrases of
    each question the index of its last word (N, Q, 2; -1 where there is none) and the cells that hold what it names
    (N, Q, 2, 9).
    """

    tokens: Tensor
    ends: Tensor
    yes: Tensor
    nouns: Tensor
    cells: Tensor

    def to(self, device: torch.device) -> Lesson:
        """The lesson on a device."""
        return Lesson(*(part.to(device) for part in (self.tokens, self.ends, self.yes, self.nouns, self.cells)))


class Teacher:
    """Invents balanced questions about scenes and turns them into tokens."""

    def __init__(self, vocabulary: dict[str, int], mix: Mapping[Kind, float] = _MIX) -> None:
        self._ids = vocabulary
        self.yes, self.no = vocabulary["yes"], vocabulary["no"]
        weights = np.array([mix[kind] for kind in KINDS])
        self._chances = weights / weights.sum()
        self._shapes = {vocabulary[word] for shape in SHAPES for word in (shape, plural(shape))}

    def ask(self, scenes: Sequence[Scene], rng: np.random.Generator) -> Lesson:
        """Eight questions about each scene."""
        shape = len(scenes), _ASKED
        tokens = np.zeros((*shape, _SLOT), np.int64)
        ends = np.zeros(shape, np.int64)
        yes = np.zeros(shape, np.float32)
        nouns = np.full((*shape, 2), -1, np.int64)
        cells = np.zeros((*shape, 2, 9), np.float32)
        for at in np.ndindex(shape):
            constraint, answer = self._question(scenes[at[0]], rng)
            ids = self.encode(ask(constraint) + SUFFIX)
            tokens[at][: len(ids)] = ids
            ends[at], yes[at] = len(ids) - 1, answer
            for number, (where, noun) in enumerate(self._named(constraint, ids)):
                nouns[at][number] = where
                cells[at][number][[t.cell for t in scenes[at[0]].things if matches(t, noun)]] = 1
        return Lesson(*(torch.from_numpy(part) for part in (tokens, ends, yes, nouns, cells)))

    def _question(self, scene: Scene, rng: np.random.Generator) -> tuple[Constraint, bool]:
        while True:
            kind = KINDS[int(rng.choice(len(KINDS), p=self._chances))]
            answer = scene.well if kind == "quality" else bool(rng.random() < 0.5)
            constraint = draw_question(rng, scene, kind, answer)
            if constraint is not None:
                return constraint, answer

    def _named(self, constraint: Constraint, ids: Sequence[int]) -> list[tuple[int, Noun]]:
        """Where each noun phrase of a question ends, and the noun as it has been said by then."""
        noun = constraint.noun
        if noun is None:
            return []
        ends = [index for index, word in enumerate(ids) if word in self._shapes]
        if constraint.kind == "attribute":  # Is the circle | red |?
            return [(ends[0], Noun(noun.shape)), (ends[0] + 1, noun)]
        if constraint.kind == "size":  # Is the red circle | large |?
            return [(ends[0], replace(noun, size=None)), (ends[0] + 1, noun)]
        return [(end, said) for end, said in zip(ends, (noun, constraint.other), strict=False) if said is not None]

    def encode(self, text: str) -> list[int]:
        """The tokenizer's ids, without its overhead for single short texts."""
        return [self._ids[word] for word in text.lower().replace("?", " ?").replace(".", " .").split()]


def train(out: Path, seed: int = 0, steps: int = PLAN.steps) -> nn.Module:
    """Train on drawings of training scenes, half of them as the painter's autoencoder gives them back.

    Towards the end a fifth of the pictures are the shipped painter's own, with what the oracle read in them.
    """
    from limner.microworld.train import painter

    device = begin(out / "eye", seed)
    student, teacher = school(tower.load(out))
    student.to(device)
    soft = soften(painter.load().vae, tower.SOFTENED, seed)

    @cache
    def painted() -> Album:
        return paint_album(painter.load(), _PAINTED, seed, out / "eye" / "painted.npy")

    def loss(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        objects = next(objects for until, objects in _CURRICULUM if step < until)
        shown = round(_BATCH * _PAINTED_SHARE) if step >= _PAINTED_FROM else 0
        scenes = [some_scene(rng, "train", objects=objects) for _ in range(_BATCH // 2 - shown)]
        album = draw_album(scenes, rng) + soft.sample(_BATCH // 2, rng, most=len(objects))
        if shown:
            album = album + painted().sample(shown, rng)
        return lesson_loss(student, teacher, album, rng, device)

    return fit(student, loss, replace(PLAN, seed=seed, steps=steps), out / "eye")


def school(pupil: Pupil) -> tuple[Student, Teacher]:
    """A model with the head that is thrown away, and its teacher."""
    pupil.model.set_attn_implementation("sdpa")
    return Student(pupil), Teacher(tower.build_tokenizer().get_vocab())


def lesson_loss(
    student: Student, teacher: Teacher, album: Album, rng: np.random.Generator, device: torch.device
) -> dict[str, Tensor]:
    """Cross-entropy of the answers over the whole vocabulary, of naming and of marking."""
    patches = student.pupil.look(to_model(album.pixels).to(device))
    naming = student.pupil.naming(patches, label(album.scenes))
    lesson = teacher.ask(album.scenes, rng).to(device)
    logits, marks = student.answers(patches, lesson)
    logits = logits.float()
    marking = F.binary_cross_entropy_with_logits(marks.float(), lesson.cells, reduction="none").mean(-1)
    marking = marking[lesson.nouns >= 0].mean()
    wanted = torch.where(lesson.yes > 0.5, teacher.yes, teacher.no)
    answer = F.cross_entropy(logits.flatten(0, 1), wanted.flatten())
    right = (logits[..., teacher.yes] > logits[..., teacher.no]) == (lesson.yes > 0.5)
    loss = answer + 0.2 * naming + marking
    return {"loss": loss, "answer": answer, "right": right.float().mean(), "naming": naming, "marking": marking}


def ship(out: Path, folder: Path) -> None:
    """Write the trained eye as a LLaVA folder in fp16, for `AutoModelForImageTextToText` and `AutoProcessor`."""
    student, _ = school(tower.school()[0])
    load_average(student, out / "eye")
    save(student.pupil.model, tower.build_tokenizer(), folder)


def save(model: LlavaForConditionalGeneration, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write a model, its tokenizer and the preparation of its pictures."""
    from transformers import CLIPImageProcessorPil, LlavaProcessor

    model.half().save_pretrained(folder)
    prepare = CLIPImageProcessorPil(
        size={"height": FRAME, "width": FRAME}, crop_size={"height": FRAME, "width": FRAME}, do_center_crop=False,
        image_mean=list(MEAN), image_std=list(STD),
    )  # fmt: skip
    LlavaProcessor(
        prepare, tokenizer, patch_size=PATCH, vision_feature_select_strategy="default",
        num_additional_image_tokens=1, chat_template=CHAT_TEMPLATE,
    ).save_pretrained(folder)  # fmt: skip
