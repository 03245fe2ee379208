"""LAION's aesthetic predictor: how good a picture looks, from 1 to 10, whatever was asked for.

The unit image embedding of OpenAI's CLIP ViT-L/14 goes through a stack of linear layers, published as
`sac+logos+ava1-l14-linearMSE.pth` (christophschuhmann/improved-aesthetic-predictor). The dropout between the layers
does nothing when scoring, and there are no activations.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from limner.devices import pick_device
from limner.errors import UnknownModel, WeightsError
from limner.scoring.batches import readable, score_in_batches
from limner.scoring.loading import find_folder, load_model, named_weights, pick_dtype
from limner.scoring.pixels import openai_crop
from limner.types import Failure, Picture, Query, Score, Terms

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

CLIP = "openai/clip-vit-large-patch14"
"""The model whose embeddings the published head was trained on, unless a CLIP folder stands beside the head."""
BATCH = 16
_LAYER = re.compile(r"layers\.(\d+)\.(weight|bias)")


class Linear(NamedTuple):
    """One layer of the head: weight (outputs, inputs) and bias (outputs)."""

    weight: Tensor
    bias: Tensor


class AestheticScorer:
    """Scores pictures by their looks alone; the request is not read."""

    def __init__(self, vision: Any, head: Sequence[Linear], identity: str, batch: int = BATCH) -> None:
        """Take a loaded CLIPVisionModelWithProjection and the head's layers in order, float32.

        Raises:
            WeightsError: the head takes embeddings of another width than the model's.
        """
        width = vision.config.projection_dim
        if head[0].weight.shape[1] != width:
            raise WeightsError(
                f"the head of {identity} takes embeddings of {head[0].weight.shape[1]} numbers, its CLIP model gives "
                f"{width}; the published head belongs to {CLIP}"
            )
        self._vision, self._head, self._identity, self._batch = vision, tuple(head), identity, batch

    @property
    def identity(self) -> str:
        """`aesthetic:NAME@hash/dtype`."""
        return self._identity

    @property
    def terms(self) -> Terms:
        """Local and free."""
        return Terms(batch=self._batch)

    def score(self, pairs: Sequence[tuple[Query, Picture]]) -> list[Score | Failure]:
        """Score each picture; one whose bytes are no picture is a `Failure`, a score that is not finite is None."""
        return score_in_batches(pairs, self._batch, self._judge)

    def _judge(self, pairs: Sequence[tuple[Query, Image]]) -> list[Score]:
        import torch

        pixels = openai_crop([image for _, image in pairs], self._vision.config.image_size)
        with torch.inference_mode():
            values = self._vision(pixel_values=pixels.to(self._vision.device, self._vision.dtype)).image_embeds
            values = torch.nn.functional.normalize(values.float().cpu(), dim=-1)
            for layer in self._head:
                values = torch.nn.functional.linear(values, layer.weight, layer.bias)
        return [Score("aesthetic", readable(float(value))) for value in values[:, 0]]


def load_aesthetic(name: str, *, device: str = "auto", dtype: str = "auto", batch: int = BATCH) -> AestheticScorer:
    """Load the head from a .pth file, or from a folder with one such file.

    The CLIP model is the folder itself where it holds a config.json, else the hub's.

    Raises:
        UnknownModel: nothing is there by that name.
        WeightsError: files are missing, damaged or of another architecture.
    """
    from transformers import CLIPVisionModelWithProjection

    file = _find(name)
    head = read_head(file)
    folder = file.parent if (file.parent / "config.json").exists() else find_folder(CLIP, "aesthetic")
    place = pick_device(device)
    precision = pick_dtype(dtype, place, on_cuda="float16")
    vision = load_model(CLIPVisionModelWithProjection, folder, device=place, dtype=precision)
    identity = named_weights("aesthetic", file.stem, [file, folder], precision)
    return AestheticScorer(vision, head, identity, batch)


def _find(name: str) -> Path:
    path = Path(name).expanduser()
    if not path.exists():
        raise UnknownModel(f"aesthetic:{name}: {path} does not exist; name the .pth file of a head, or its folder")
    if path.is_file():
        return path
    heads = sorted(path.glob("*.pth"))
    if len(heads) != 1:
        raise UnknownModel(f"aesthetic:{name}: there are {len(heads)} .pth files in {path}; name the one that you mean")
    return heads[0]


def read_head(file: Path) -> list[Linear]:
    """The head's layers, float32, in order.

    Raises:
        WeightsError: it is no such file, or its layers do not fit together.
    """
    import pickle

    import torch

    try:
        saved = torch.load(file, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, OSError, ValueError, KeyError) as error:
        raise WeightsError(f"{file} cannot be read as a PyTorch checkpoint ({error}); fetch it again") from error
    state = saved if isinstance(saved, dict) else {}
    strange = [name for name in state if not _LAYER.fullmatch(str(name))]
    numbers = sorted({int(name.split(".")[1]) for name in state}) if not strange else []
    if not numbers or any(f"layers.{n}.{part}" not in state for n in numbers for part in ("weight", "bias")):
        raise WeightsError(
            f"{file} is not an aesthetic head: expected layers.N.weight and layers.N.bias of linear layers, as in "
            f"sac+logos+ava1-l14-linearMSE.pth; found {', '.join(map(str, [*state][:5])) or type(saved).__name__}"
        )
    head = [Linear(*(state[f"layers.{n}.{part}"].float() for part in ("weight", "bias"))) for n in numbers]
    _check_chain(head, file)
    return head


def _check_chain(head: Sequence[Linear], file: Path) -> None:
    if any(layer.weight.ndim != 2 or layer.bias.shape != layer.weight.shape[:1] for layer in head):
        raise WeightsError(f"{file} is not an aesthetic head: a layer's weight and bias do not belong together")
    outputs = [layer.weight.shape[0] for layer in head]
    inputs = [layer.weight.shape[1] for layer in head]
    if outputs[:-1] != inputs[1:] or outputs[-1] != 1:
        raise WeightsError(
            f"{file} is not an aesthetic head: layers of {inputs} inputs and {outputs} outputs do not lead to one "
            "number"
        )
