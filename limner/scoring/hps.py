"""HPS v2 (arXiv 2306.09341): how well people would like a picture for a request, as a CLIP cosine x 100.

One class scores the published checkpoints and any folder in transformers' CLIPModel format. The picture is prepared as
HPS v2's own code does: whole frame, longest side, zero padding.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from limner.devices import pick_device
from limner.errors import UnknownModel
from limner.scoring.clip import BATCH, ClipScorer, Manner
from limner.scoring.clip_files import load_clip_folder, load_tokenizer
from limner.scoring.loading import hub_errors, load_model, named_weights, pick_dtype
from limner.scoring.pixels import whole_frame
from limner.scoring.tidy_text import tidied

if TYPE_CHECKING:
    import torch

PUBLISHED = {"v2": "HPS_v2_compressed.pt", "v2.1": "HPS_v2.1_compressed.pt"}
"""Checkpoints on the hub by version."""
REPOSITORY = "xswu/HPSv2"
MANNER = Manner("hps", whole_frame, scale=100.0, clean=tidied)
"""About 20 to 30 with the published weights."""


def load_hps(name: str, *, device: str = "auto", dtype: str = "auto", batch: int = BATCH) -> ClipScorer:
    """Load `v2` or `v2.1` from the hub, a published .pt file, or a folder in CLIPModel format.

    A .pt file is taken with the tokenizer files (tokenizer.json, or vocab.json and merges.txt, or the published list of
    merges) beside it, else the hub's.

    Raises:
        UnknownModel: nothing is there by that name.
        WeightsError: files are missing, damaged or of another architecture.
    """
    path = _find(name)
    place = pick_device(device)
    precision = pick_dtype(dtype, place, on_cuda="float16")
    model, tokenizer = (
        load_clip_folder(path, place, precision, "hps") if path.is_dir() else _load_checkpoint(path, place, precision)
    )
    label = name if name in PUBLISHED else path.name
    return ClipScorer(MANNER, model, tokenizer, named_weights("hps", label, [path], precision), batch)


def _find(name: str) -> Path:
    if name in PUBLISHED:
        with hub_errors(f"{PUBLISHED[name]} of {REPOSITORY}"):
            from huggingface_hub import hf_hub_download

            return Path(hf_hub_download(REPOSITORY, PUBLISHED[name]))
    path = Path(name).expanduser()
    if not path.exists():
        raise UnknownModel(f"hps:{name}: {path} does not exist; name a folder, a .pt file, or {' or '.join(PUBLISHED)}")
    return path


def _load_checkpoint(file: Path, device: torch.device, dtype: torch.dtype) -> tuple[Any, Any]:
    from transformers import CLIPModel

    from limner.scoring.openclip import clip_config, clip_state, read_checkpoint

    state = read_checkpoint(file)
    config, weights = clip_config(state), clip_state(state)
    del state
    model = load_model(CLIPModel, None, device=device, dtype=dtype, config=config, state_dict=weights)
    return model, load_tokenizer(file.parent)
