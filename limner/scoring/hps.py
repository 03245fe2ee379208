"""HPS v2 (arXiv 2306.09341): how well people would like a picture for a request, as a CLIP cosine x 100.

One class scores the published checkpoints and any folder in transformers' CLIPModel format. The picture is prepared as
HPS v2's own code does (whole frame, longest side, zero padding): the usual centre crop gives other scores. The model
stays loaded; a request is encoded once, by itself, so its features do not depend on what else is scored.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from limner.errors import UnknownModel, WeightsError
from limner.scoring.loading import fingerprint, hub_errors, load_model, pick_device, pick_dtype, read_config
from limner.types import Failure, Picture, Query, Score, Terms

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image
    from torch import Tensor

PUBLISHED = {"v2": "HPS_v2_compressed.pt", "v2.1": "HPS_v2.1_compressed.pt"}
"""Checkpoints on the hub by version."""
REPOSITORY = "xswu/HPSv2"
VOCABULARY = "laion/CLIP-ViT-H-14-laion2B-s32B-b79K"
"""Where the tokenizer of the published checkpoints comes from, unless its files stand beside the checkpoint."""
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
BATCH = 16
_REMEMBERED = 4096


class _Text(NamedTuple):
    features: Tensor
    cut: int


class HpsScorer:
    """Scores pictures by the cosine between picture and request, x 100; about 20 to 30 with the published weights.

    `parts["truncated"]` is the number of the request's tokens that the model's text window (77 tokens) had no room for.
    """

    def __init__(self, model: Any, tokenizer: Any, identity: str, batch: int = BATCH) -> None:
        """Take a loaded CLIPModel and its tokenizer."""
        _check_tokenizer(tokenizer, model.config.text_config, identity)
        self._model, self._tokenizer, self._identity, self._batch = model, tokenizer, identity, batch
        self._size: int = model.config.vision_config.image_size
        self._text = functools.lru_cache(maxsize=_REMEMBERED)(self._encode_text)

    @property
    def identity(self) -> str:
        """`hps:NAME@hash/dtype`."""
        return self._identity

    @property
    def terms(self) -> Terms:
        """Local and free."""
        return Terms(batch=self._batch)

    def score(self, pairs: Sequence[tuple[Query, Picture]]) -> list[Score | Failure]:
        """Score each picture; one whose bytes are no picture is a `Failure`, a score that is not finite is None."""
        scores: list[Score | Failure] = []
        for start in range(0, len(pairs), self._batch):
            scores += self._score_batch(pairs[start : start + self._batch])
        return scores

    def _score_batch(self, pairs: Sequence[tuple[Query, Picture]]) -> list[Score | Failure]:
        images = [_decoded(picture) for _, picture in pairs]
        whole = [image for image in images if not isinstance(image, Failure)]
        features = iter(self._encode_images(whole) if whole else ())
        return [
            image if isinstance(image, Failure) else self._compare(self._text(query.text), next(features))
            for (query, _), image in zip(pairs, images, strict=True)
        ]

    def _compare(self, text: _Text, image: Tensor) -> Score:
        value = 100 * float(text.features @ image)
        return Score("hps", value if math.isfinite(value) else None, {"truncated": float(text.cut)})

    def _encode_images(self, images: Sequence[Image]) -> Tensor:
        """Unit features (N, D), float32."""
        import torch

        pixels = hps_pixels(images, self._size).to(self._model.device, self._model.dtype)
        with torch.inference_mode():
            features = self._model.get_image_features(pixel_values=pixels).pooler_output
        return torch.nn.functional.normalize(features.float(), dim=-1).cpu()

    def _encode_text(self, text: str) -> _Text:
        """Unit features (D), float32, of a request by itself, cut to the model's window as CLIP is: the end is lost."""
        import torch

        window = self._model.config.text_config.max_position_embeddings
        whole = len(self._tokenizer(text, verbose=False)["input_ids"])
        tokens = self._tokenizer(text, truncation=True, max_length=window, return_tensors="pt")
        with torch.inference_mode():
            ids = tokens["input_ids"].to(self._model.device)
            features = self._model.get_text_features(input_ids=ids).pooler_output
        return _Text(torch.nn.functional.normalize(features[0].float(), dim=-1).cpu(), max(0, whole - window))


def hps_pixels(images: Sequence[Image], size: int) -> Tensor:
    """Pictures as HPS v2 sees them, float32 (N, 3, size, size).

    First a tensor in [0, 1], then the longest side to `size` by antialiased bicubic interpolation (not clamped, as
    torchvision does not clamp float tensors), then zero padding to a square, then CLIP's mean and deviation.
    """
    import torch

    mean, std = (torch.tensor(channel).view(3, 1, 1) for channel in (MEAN, STD))
    return torch.stack([(_fit(_tensor(image), size) - mean) / std for image in images])


def _tensor(image: Image) -> Tensor:
    import torch

    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1).float() / 255


def _fit(pixels: Tensor, size: int) -> Tensor:
    from torch.nn.functional import interpolate, pad

    height, width = pixels.shape[1:]
    scale = size / max(height, width)
    new = (max(1, round(height * scale)), max(1, round(width * scale)))
    if new != (height, width):
        pixels = interpolate(pixels[None], new, mode="bicubic", antialias=True, align_corners=False)[0]
    down, across = size - new[0], size - new[1]
    return pad(pixels, (across // 2, across - across // 2, down // 2, down - down // 2))


def _decoded(picture: Picture) -> Image | Failure:
    try:
        return picture.image()
    except OSError as error:
        return Failure("ScoringError", f"picture {picture.sha256[:12]} cannot be decoded: {error}")


def _check_tokenizer(tokenizer: Any, config: Any, identity: str) -> None:
    """CLIP pools at the end-of-text token: with another vocabulary it would answer, wrongly and in silence."""
    # Old configurations say 2 whatever the vocabulary; CLIPModel then pools at the largest id.
    end = config.vocab_size - 1 if config.eos_token_id == 2 else config.eos_token_id
    if len(tokenizer) > config.vocab_size or tokenizer.eos_token_id != end:
        raise WeightsError(
            f"the tokenizer of {identity} does not belong to its model: {len(tokenizer)} tokens with end-of-text "
            f"{tokenizer.eos_token_id}, where the model has {config.vocab_size} with end-of-text {end}"
        )


def load_hps(name: str, *, device: str = "auto", dtype: str = "auto", batch: int = BATCH) -> HpsScorer:
    """Load `v2` or `v2.1` from the hub, a published .pt file, or a folder in CLIPModel format.

    A .pt file is taken with the tokenizer files (tokenizer.json, or vocab.json and merges.txt) beside it, else the
    hub's.

    Raises:
        UnknownModel: nothing is there by that name.
        WeightsError: files are missing, damaged or of another architecture.
    """
    path = _find(name)
    place = pick_device(device)
    precision = pick_dtype(dtype, place, on_cuda="float16")
    load = _load_folder if path.is_dir() else _load_checkpoint
    model, tokenizer = load(path, place, precision)
    label = name if name in PUBLISHED else path.name
    return HpsScorer(
        model, tokenizer, f"hps:{label}@{fingerprint(path)}/{str(precision).removeprefix('torch.')}", batch
    )


def _find(name: str) -> Path:
    if name in PUBLISHED:
        with hub_errors(f"{PUBLISHED[name]} of {REPOSITORY}"):
            from huggingface_hub import hf_hub_download

            return Path(hf_hub_download(REPOSITORY, PUBLISHED[name]))
    path = Path(name).expanduser()
    if not path.exists():
        raise UnknownModel(f"hps:{name}: {path} does not exist; name a folder, a .pt file, or {' or '.join(PUBLISHED)}")
    return path


def _load_folder(folder: Path, device: torch.device, dtype: torch.dtype) -> tuple[Any, Any]:
    from transformers import AutoTokenizer, CLIPModel

    kind = read_config(folder).get("model_type")
    if kind != "clip":
        raise WeightsError(f"{folder} holds a model of type {kind!r}; HPS v2 is a CLIPModel (model_type 'clip')")
    return load_model(CLIPModel, folder, device=device, dtype=dtype), _tokenizer(AutoTokenizer, folder)


def _load_checkpoint(file: Path, device: torch.device, dtype: torch.dtype) -> tuple[Any, Any]:
    from transformers import CLIPModel, CLIPTokenizer

    from limner.scoring.openclip import clip_config, clip_state, read_checkpoint

    state = read_checkpoint(file)
    model = load_model(
        CLIPModel, None, device=device, dtype=dtype, config=clip_config(state), state_dict=clip_state(state)
    )
    beside = any((file.parent / vocabulary).exists() for vocabulary in ("tokenizer.json", "vocab.json"))
    return model, _tokenizer(CLIPTokenizer, file.parent if beside else VOCABULARY)


def _tokenizer(kind: Any, source: Path | str) -> Any:
    try:
        return kind.from_pretrained(source)
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"no tokenizer can be loaded from {source}: put tokenizer.json, or vocab.json and merges.txt, there "
            f"(beside a .pt file) - {str(error).strip().splitlines()[0]}"
        ) from error
