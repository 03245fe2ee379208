"""The painter's tokenizer: CLIP's byte-level BPE over the captions of the embedded world and common English.

Common words become single tokens. The vocabulary file is written and read as CLIPTokenizer does it, so the folder
loads like any other.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from limner.microworld import language as say
from limner.microworld.captions import captioned
from limner.microworld.train import beside

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

LENGTH = 77
_CORPUS = 6000
_SIZE = 1400


def build() -> CLIPTokenizer:
    """The tokenizer, made anew (a second's work, always the same)."""
    from tokenizers import Tokenizer, models, trainers
    from transformers import CLIPTokenizer

    shape = CLIPTokenizer(vocab={"<|startoftext|>": 0, "<|endoftext|>": 1}, merges=[]).backend_tokenizer
    bpe = Tokenizer(models.BPE(end_of_word_suffix="</w>", continuing_subword_prefix=""))
    bpe.normalizer, bpe.pre_tokenizer = shape.normalizer, shape.pre_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=_SIZE, min_frequency=2, show_progress=False, end_of_word_suffix="</w>",
        initial_alphabet=_alphabet(), special_tokens=["<|startoftext|>", "<|endoftext|>"],
    )  # fmt: skip
    bpe.train_from_iterator(_corpus(), trainer)
    model = json.loads(bpe.to_str())["model"]
    merges: list[tuple[str, ...]] = [tuple(pair) for pair in model["merges"]]
    # A closed alphabet: every byte, bare and at a word's end, so that no input is unknown. The trainer numbers the
    # latter in another order each time, so ids are given here.
    letters = [symbol + end for end in ("", "</w>") for symbol in _alphabet()]
    words = ["<|startoftext|>", "<|endoftext|>", *letters, *("".join(pair) for pair in merges)]
    return _saved_and_read({word: index for index, word in enumerate(dict.fromkeys(words))}, merges)


def kept(folder: Path) -> CLIPTokenizer:
    """The tokenizer kept beside a checkpoint, made there at first: a change of the captions would make another one."""
    return load(beside.once(folder, lambda fresh: build().save_pretrained(fresh)))


def _saved_and_read(vocabulary: dict[str, int], merges: list[tuple[str, ...]]) -> CLIPTokenizer:
    from transformers import CLIPTokenizer

    made = CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=LENGTH)
    with tempfile.TemporaryDirectory() as folder:
        made.save_pretrained(folder)
        return load(Path(folder), len(vocabulary))


def load(folder: Path, size: int | None = None) -> CLIPTokenizer:
    """Read a tokenizer's folder and make sure that it is whole."""
    from transformers import CLIPTokenizer

    tokenizer = CLIPTokenizer.from_pretrained(folder)
    if size is not None and len(tokenizer) != size:
        raise ValueError(f"the tokenizer at {folder} has {len(tokenizer)} tokens instead of {size}: write it anew")
    if tokenizer.model_max_length != LENGTH:
        raise ValueError(f"the tokenizer at {folder} has length {tokenizer.model_max_length} instead of {LENGTH}")
    return tokenizer


def _alphabet() -> list[str]:
    from tokenizers import pre_tokenizers

    return sorted(pre_tokenizers.ByteLevel.alphabet())


def _corpus() -> list[str]:
    rng = np.random.default_rng(0)
    captions = [captioned(rng, "train")[1] for _ in range(_CORPUS)]
    words = [*say.FILLER, *say.QUALITY, *say.ROUGH, *say.STYLE, *say.CHATTER]
    return captions + [word for word in words for _ in range(3)]
