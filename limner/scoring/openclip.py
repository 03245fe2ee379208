"""The published HPS v2 checkpoints, turned into transformers' CLIPModel.

They are an open_clip ViT-H-14 saved as a training state. Both libraries compute the same function under other names:
the attention's joined projection is split in three, and the two final projections are stored transposed. Sizes are
read from the tensors; only the width of an attention head cannot be, and is ViT-H-14's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limner.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import CLIPConfig

VISION_HEAD, TEXT_HEAD = 80, 64
"""Width of one attention head in ViT-H-14's two towers."""

_NEEDED = ("visual.conv1.weight", "visual.proj", "token_embedding.weight", "text_projection", "ln_final.weight")
_BLOCK = re.compile(r"(visual\.)?transformer\.resblocks\.(\d+)\.(.+)")
_RENAMED = {
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "visual.ln_pre.weight": "vision_model.pre_layrnorm.weight",
    "visual.ln_pre.bias": "vision_model.pre_layrnorm.bias",
    "visual.ln_post.weight": "vision_model.post_layernorm.weight",
    "visual.ln_post.bias": "vision_model.post_layernorm.bias",
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "ln_final.weight": "text_model.final_layer_norm.weight",
    "ln_final.bias": "text_model.final_layer_norm.bias",
    "logit_scale": "logit_scale",
}
_IN_BLOCK = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "attn.out_proj": "self_attn.out_proj",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The tensors of a published .pt file, whatever training state is around them.

    Raises:
        WeightsError: it is no such file, or what it holds is not an open_clip model.
    """
    import pickle

    import torch

    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, OSError) as error:
        raise WeightsError(f"{path} cannot be read as a PyTorch checkpoint ({error}); fetch it again") from error
    state = saved.get("state_dict", saved) if isinstance(saved, dict) else {}
    state = {name.removeprefix("module."): tensor for name, tensor in state.items() if isinstance(tensor, torch.Tensor)}
    missing = [name for name in _NEEDED if name not in state]
    if missing:
        raise WeightsError(
            f"{path} is not an open_clip checkpoint as HPS v2 publishes them: it lacks {', '.join(missing)}; "
            "expected HPS_v2_compressed.pt or HPS_v2.1_compressed.pt of xswu/HPSv2"
        )
    return state


def clip_config(state: Mapping[str, Tensor], vision_head: int = VISION_HEAD, text_head: int = TEXT_HEAD) -> CLIPConfig:
    """The CLIPModel configuration of an open_clip state."""
    from transformers import CLIPConfig

    width, _, patch, _ = state["visual.conv1.weight"].shape
    side = round((state["visual.positional_embedding"].shape[0] - 1) ** 0.5)
    words, text_width = state["token_embedding.weight"].shape
    if width % vision_head or text_width % text_head:
        raise WeightsError(
            f"towers {width} and {text_width} wide do not divide into heads of {vision_head} and {text_head}: "
            "this is not ViT-H-14, which HPS v2 is built on"
        )
    projection = state["text_projection"].shape[1]
    vision = _tower(state, "visual.", width, vision_head) | {"image_size": side * patch, "patch_size": patch}
    text = _tower(state, "", text_width, text_head) | {
        "vocab_size": words,
        "max_position_embeddings": state["positional_embedding"].shape[0],
        "bos_token_id": words - 2,
        "eos_token_id": words - 1,
        "pad_token_id": words - 1,
    }
    return CLIPConfig(
        text_config=text | {"projection_dim": projection},
        vision_config=vision | {"projection_dim": projection},
        projection_dim=projection,
    )


def _tower(state: Mapping[str, Tensor], prefix: str, width: int, head: int) -> dict[str, Any]:
    block = f"{prefix}transformer.resblocks"
    return {
        "hidden_size": width,
        "intermediate_size": state[f"{block}.0.mlp.c_fc.weight"].shape[0],
        "num_hidden_layers": len(
            {name.split(".resblocks.")[1].split(".")[0] for name in state if name.startswith(block)}
        ),
        "num_attention_heads": width // head,
        "hidden_act": "gelu",
    }


def clip_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors under the names, and in the layout, of CLIPModel.

    Raises:
        WeightsError: a tensor has no place in CLIPModel.
    """
    return {new: tensor for name, old in state.items() for new, tensor in _placed(name, old).items()}


def _placed(name: str, tensor: Tensor) -> dict[str, Tensor]:
    block = _BLOCK.fullmatch(name)
    placed: dict[str, Tensor] | None
    if block:
        tower = "vision_model" if block[1] else "text_model"
        placed = _in_block(f"{tower}.encoder.layers.{block[2]}", block[3], tensor)
    elif name == "attn_mask":  # a constant that older versions of open_clip saved
        placed = {}
    elif name in ("visual.proj", "text_projection"):
        placed = {name.replace("visual.proj", "visual_projection") + ".weight": tensor.T.contiguous()}
    else:
        placed = {_RENAMED[name]: tensor} if name in _RENAMED else None
    if placed is None:
        raise WeightsError(f"tensor {name!r} has no place in CLIPModel: this is not the architecture of HPS v2")
    return placed


def _in_block(layer: str, name: str, tensor: Tensor) -> dict[str, Tensor] | None:
    part, _, kind = name.rpartition(".")
    if name.startswith("attn.in_proj_"):
        kind = name.removeprefix("attn.in_proj_")
        thirds = zip("qkv", tensor.chunk(3), strict=True)
        return {f"{layer}.self_attn.{letter}_proj.{kind}": third.contiguous() for letter, third in thirds}
    return {f"{layer}.{_IN_BLOCK[part]}.{kind}": tensor} if part in _IN_BLOCK else None
