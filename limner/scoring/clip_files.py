"""The files of a CLIP model: a folder in transformers' format, and the tokenizer, wherever its vocabulary is.

A vocabulary beside the weights wins, so that everything works without a network; otherwise the hub is asked for that
of the LAION model on which both HPS v2 and PickScore were trained.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limner.errors import WeightsError
from limner.scoring.loading import load_model, read_config

if TYPE_CHECKING:
    import torch

VOCABULARY = "laion/CLIP-ViT-H-14-laion2B-s32B-b79K"
"""Where the tokenizer comes from, unless its files stand beside the weights."""
BPE_FILE = "bpe_simple_vocab_16e6.txt.gz"
"""The merges as OpenAI published them; open_clip's and OpenAI's packages carry the file under this name."""
_MERGES = 49152 - 256 - 2
_START, _END = "<|startoftext|>", "<|endoftext|>"


def load_clip_folder(folder: Path, device: torch.device, dtype: torch.dtype, scheme: str) -> tuple[Any, Any]:
    """CLIPModel and tokenizer of a folder.

    Raises:
        WeightsError: files are missing, damaged or of another architecture.
    """
    from transformers import CLIPModel

    kind = read_config(folder).get("model_type")
    if kind != "clip":
        raise WeightsError(f"{folder} holds a model of type {kind!r}; {scheme} needs a CLIPModel (model_type 'clip')")
    return load_model(CLIPModel, folder, device=device, dtype=dtype), load_tokenizer(folder)


def load_tokenizer(folder: Path) -> Any:
    """The CLIP tokenizer whose files are in `folder`, else the hub's.

    Raises:
        WeightsError: there is none, or it is damaged.
    """
    from transformers import AutoTokenizer, CLIPTokenizer

    if any((folder / name).exists() for name in ("tokenizer.json", "vocab.json", "tokenizer_config.json")):
        kind = AutoTokenizer if (folder / "config.json").exists() else CLIPTokenizer
        return _from_files(kind, folder)
    if (folder / BPE_FILE).exists():
        return tokenizer_from_merges(folder / BPE_FILE)
    return _from_files(CLIPTokenizer, VOCABULARY, beside=folder)


def _from_files(kind: Any, source: Path | str, beside: Path | None = None) -> Any:
    try:
        return kind.from_pretrained(source)
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"no tokenizer can be loaded from {source}: put tokenizer.json, or vocab.json and merges.txt, or "
            f"{BPE_FILE} into {beside or source} - {str(error).strip().splitlines()[0]}"
        ) from error


def tokenizer_from_merges(file: Path) -> Any:
    """CLIP's tokenizer from the published list of merges.

    Raises:
        WeightsError: the file is damaged or another one.
    """
    from transformers import CLIPTokenizer

    try:
        lines = gzip.decompress(file.read_bytes()).decode("utf-8").split("\n")
    except (OSError, EOFError, ValueError) as error:
        raise WeightsError(f"{file} cannot be read as CLIP's vocabulary ({error}); fetch it again") from error
    merges = [tuple(line.split()) for line in lines[1 : _MERGES + 1]]
    if len(merges) != _MERGES or any(len(merge) != 2 for merge in merges):
        raise WeightsError(f"{file} is not CLIP's vocabulary: it lacks a list of {_MERGES} merges after its first line")
    letters = _byte_letters()
    tokens = [*letters, *(letter + "</w>" for letter in letters), *("".join(merge) for merge in merges), _START, _END]
    tokenizer = CLIPTokenizer(vocab={token: index for index, token in enumerate(tokens)}, merges=merges)
    tokenizer.model_max_length = 77
    return tokenizer


def _byte_letters() -> list[str]:
    """The letters that stand for the 256 bytes, in the vocabulary's order: printable ones first, as themselves."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    return [*map(chr, printable), *(chr(256 + n) for n in range(256 - len(printable)))]
