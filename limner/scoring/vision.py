"""Local vision models by folder or hub name: which family a folder is of, and how its parts are loaded.

A visual question answering model (ViLT, BLIP), or any image-text-to-text model whose processor works without
torchvision; Qwen-VL's does not, so its pictures and prompts are prepared here (`vision_qwen.py`).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from limner.devices import pick_device
from limner.errors import WeightsError
from limner.scoring.answering import BATCH, LocalVision
from limner.scoring.loading import find_folder, fingerprint, load_model, pick_dtype, quietly, read_config
from limner.scoring.vision_chat import ChatVision, ProcessorReader
from limner.scoring.vision_qwen import QwenReader
from limner.scoring.vision_vqa import BlipVision, ViltVision

if TYPE_CHECKING:
    import torch

QWEN = ("qwen2_vl", "qwen2_5_vl")
PREFIX_SHARED = ("llava", *QWEN)
"""Families whose attention is causal over picture and text, so that questions can share what precedes them."""


def load_vision(name: str, *, device: str = "auto", dtype: str = "auto", batch: int = BATCH) -> LocalVision:
    """Load a folder, or ORGANISATION/MODEL from the hub.

    Raises:
        UnknownModel: nothing is there by that name.
        WeightsError: files are missing, damaged or of another architecture, or the model cannot say yes and no.
    """
    folder = find_folder(name, "transformers")
    place = pick_device(device)
    precision = pick_dtype(dtype, place, on_cuda="bfloat16")
    label = folder.name if folder.parent.name != "snapshots" else name
    identity = f"transformers:{label}@{fingerprint(folder)}/{str(precision).removeprefix('torch.')}"
    kind = str(read_config(folder).get("model_type"))
    if kind in ("vilt", "blip"):
        return _answerer(kind, folder, place, precision, identity, batch)
    return _talker(kind, folder, place, precision, identity, batch)


def _answerer(
    kind: str, folder: Path, device: torch.device, dtype: torch.dtype, identity: str, batch: int
) -> LocalVision:
    """A model made for answering questions."""
    from transformers import BlipForQuestionAnswering, ViltForQuestionAnswering

    if kind == "vilt":
        vilt = load_model(ViltForQuestionAnswering, folder, device=device, dtype=dtype)
        return ViltVision(vilt, _processor(folder), identity, batch)
    blip = load_model(BlipForQuestionAnswering, folder, device=device, dtype=dtype)
    return BlipVision(blip, _processor(folder), identity, batch)


def _talker(
    kind: str, folder: Path, device: torch.device, dtype: torch.dtype, identity: str, batch: int
) -> LocalVision:
    """A model that talks, about pictures among other things."""
    from transformers import AutoModelForImageTextToText

    model = load_model(AutoModelForImageTextToText, folder, device=device, dtype=dtype)
    reader = _qwen(folder) if kind in QWEN else ProcessorReader(_processor(folder), model.config)
    return ChatVision(model, reader, identity, batch, shares=kind in PREFIX_SHARED)


def _processor(folder: Path) -> Any:
    from transformers import AutoProcessor

    try:
        with quietly():
            return AutoProcessor.from_pretrained(folder)
    except (OSError, ValueError, ImportError) as error:
        reason = str(error).strip().splitlines()[0]
        raise WeightsError(
            f"the processor in {folder} cannot be loaded: {reason}; it must work without torchvision, as LLaVA's does"
        ) from error


def _qwen(folder: Path) -> QwenReader:
    from transformers import AutoTokenizer
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    try:
        with quietly():
            return QwenReader(
                AutoTokenizer.from_pretrained(folder), Qwen2VLImageProcessorPil.from_pretrained(folder), folder
            )
    except (OSError, ValueError, ImportError) as error:
        reason = str(error).strip().splitlines()[0]
        raise WeightsError(
            f"tokenizer and picture settings in {folder} cannot be loaded: {reason}; fetch the model again"
        ) from error
