"""The painter's text encoder: a small CLIPTextModel that learns to read before the painter learns to draw.

CLIP's text model is causal, so the padding at the end sees the whole prompt: its last eleven positions serve as
slots (nine cells, the ground, the manner of drawing). Three readers must tell the scene from the hidden states: one
from the slots, one by looking from each cell at all positions (as the UNet's cross-attention will), one from
the pooled embedding that the UNet adds to its time embedding. The last reader's pool is handed to the UNet.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limner.microworld.captions import captioned
from limner.microworld.law import COLOURS, GROUNDS, SHAPES, SIZES, Scene
from limner.microworld.train import tokens
from limner.microworld.train.loop import Plan, begin, fit, load_average

if TYPE_CHECKING:
    from transformers import CLIPTextModel, CLIPTokenizer

WIDTH = 160
POOLED = 256
POOL_HEADS = 10
SLOTS = 11
BATCH = 80
PLAN = Plan(steps=1700, lr=2e-3, warmup=100, ema=0.998, weight_decay=0.02, save_every=250)
_CELL = (len(SHAPES) + 1, len(COLOURS), len(SIZES))
_NOTHING = -100


def build(vocabulary: int) -> CLIPTextModel:
    """The untrained text encoder (1 M parameters); plain attention is twice as fast as fused in bfloat16 on a CPU."""
    from transformers import CLIPTextConfig, CLIPTextModel

    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=vocabulary, hidden_size=WIDTH, intermediate_size=2 * WIDTH, projection_dim=WIDTH,
            num_hidden_layers=4, num_attention_heads=5, max_position_embeddings=tokens.LENGTH,
            bos_token_id=0, eos_token_id=1, pad_token_id=1, attn_implementation="eager",
        )
    )  # fmt: skip


class Readers(nn.Module):
    """A text encoder with three ways of telling the scene from its hidden states."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        from diffusers.models.embeddings import TextTimeEmbedding

        self.encoder = build(vocabulary)
        self.cell = nn.Linear(WIDTH, sum(_CELL))
        self.frame = nn.Linear(WIDTH, len(GROUNDS) + 1)
        self.seen_cell = nn.Linear(WIDTH, sum(_CELL))
        self.looks = nn.Parameter(torch.randn(9, WIDTH) * 0.1)
        self.keys, self.values = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.pool = TextTimeEmbedding(WIDTH, POOLED, num_heads=POOL_HEADS)
        self.pooled = nn.Linear(POOLED, 9 * sum(_CELL) + len(GROUNDS) + 1)

    def forward(self, ids: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        """By reader: logits of the cells (batch, 9, shapes + colours + sizes) and of ground and manner (batch, 5)."""
        hidden = self.encoder(input_ids=ids).last_hidden_state
        slots = hidden[:, -SLOTS:]
        frame = torch.cat([self.frame(slots[:, 9])[:, :-1], self.frame(slots[:, 10])[:, -1:]], dim=1)
        attention = torch.softmax(self.looks @ self.keys(hidden).transpose(1, 2) * WIDTH**-0.5, dim=-1)
        pooled = self.pooled(F.silu(self.pool(hidden)))
        split = 9 * sum(_CELL)
        return {
            "slots": (self.cell(slots[:, :9]), frame),
            "looks": (self.seen_cell(attention @ self.values(hidden)), frame),
            "pool": (pooled[:, :split].unflatten(1, (9, -1)), pooled[:, split:]),
        }


def targets(scenes: list[Scene]) -> tuple[Tensor, Tensor, Tensor]:
    """Cells (batch, 9, 3) as shape (0 = empty), colour and size; grounds (batch,); manners (batch,)."""
    cells = torch.full((len(scenes), 9, 3), _NOTHING)
    cells[:, :, 0] = 0
    for row, scene in enumerate(scenes):
        for t in scene.things:
            kind = (SHAPES.index(t.shape) + 1, list(COLOURS).index(t.colour), SIZES.index(t.size))
            cells[row, t.cell] = torch.tensor(kind)
    grounds = torch.tensor([list(GROUNDS).index(scene.ground) for scene in scenes])
    return cells, grounds, torch.tensor([float(scene.well) for scene in scenes])


def encode(tokenizer: CLIPTokenizer, captions: list[str]) -> Tensor:
    """Token ids as the pipeline makes them, shape (batch, 77)."""
    ids = tokenizer(captions, padding="max_length", truncation=True, max_length=tokens.LENGTH, return_tensors="pt")
    return ids.input_ids  # type: ignore[no-any-return]


def reading_loss(cells: Tensor, frame: Tensor, truth: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Cross-entropy of one reader: cells (colour and size where something stands), ground, manner."""
    wanted, ground, manner = truth
    parts = cells.float().split(_CELL, dim=-1)  # type: ignore[no-untyped-call]
    errors = [
        F.cross_entropy(part.flatten(0, 1), wanted[..., i].flatten(), ignore_index=_NOTHING)
        for i, part in enumerate(parts)
    ]
    frame = frame.float()
    about = F.cross_entropy(frame[:, :-1], ground) + F.binary_cross_entropy_with_logits(frame[:, -1], manner)
    return 3 * errors[0] + errors[1] + errors[2] + 0.5 * about


def train(out: Path, seed: int = 0, steps: int = PLAN.steps) -> Readers:
    """Train the readers on captions of training scenes; no picture is needed."""
    device = begin(out / "text", seed)
    tokenizer = tokens.kept(out / "text" / "tokenizer")
    readers = Readers(len(tokenizer)).to(device)

    def loss(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        eased = max(0.0, 1 - step / (0.3 * steps))
        pairs = [captioned(rng, "train", structure=0.6 + 0.3 * eased) for _ in range(BATCH)]
        truth = tuple(t.to(device) for t in targets([scene for scene, _ in pairs]))
        read = readers(encode(tokenizer, [caption for _, caption in pairs]).to(device))
        errors = {name: reading_loss(cells, frame, truth) for name, (cells, frame) in read.items()}  # type: ignore[arg-type]
        return {"loss": torch.stack(list(errors.values())).sum(), **errors}

    average = fit(readers, loss, replace(PLAN, seed=seed, steps=steps), out / "text")
    report = measure(average, tokenizer)  # type: ignore[arg-type]
    print(" ".join(f"{name} {value:.3f}" for name, value in report.items()), flush=True)
    return average  # type: ignore[return-value]


@torch.no_grad()
def measure(readers: Readers, tokenizer: CLIPTokenizer, count: int = 512) -> dict[str, float]:
    """By reader: share of complete captions of unseen contents whose scene it tells whole, and of occupied cells."""
    from limner.microworld import language as say
    from limner.microworld.captions import structured
    from limner.microworld.splits import some_scene

    rng = np.random.default_rng(777)
    scenes = [some_scene(rng, "validation", well=True) for _ in range(count)]
    captions = [structured(scene, rng, say.some(rng, say.QUALITY, 2), complete=True) for scene in scenes]
    device = next(readers.parameters()).device
    wanted = targets(scenes)[0].to(device)
    report = {}
    for name, (cells, _) in readers(encode(tokenizer, captions).to(device)).items():
        told = torch.stack([part.argmax(-1) for part in cells.split(_CELL, dim=-1)], dim=-1)
        right = (told == wanted) | (wanted == _NOTHING)
        taken = wanted[..., 0] > 0
        report[f"{name}_cells"] = float(right.all(-1)[taken].float().mean())
        report[f"{name}_scenes"] = float(right.all(-1).all(-1).float().mean())
    return report


def load(out: Path) -> tuple[Readers, CLIPTokenizer]:
    """The trained readers of a training folder, and the tokenizer that goes with them."""
    tokenizer = tokens.kept(out / "text" / "tokenizer")
    return load_average(Readers(len(tokenizer)), out / "text"), tokenizer  # type: ignore[return-value]
