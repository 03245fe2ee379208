"""The published vocabulary file and the tidying of texts, as open_clip does both."""

import gzip

import pytest

from limner.errors import WeightsError
from limner.scoring import clip_files
from limner.scoring.clip_files import BPE_FILE, load_tokenizer, tokenizer_from_merges
from limner.scoring.tidy_text import tidied


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("a cat’s “red”  hat", 'a cat\'s "red" hat'),
        ("salt &amp; pepper &amp;lt;3", "salt & pepper <3"),
        ("ﬁne ﬂowers", "fine flowers"),
        ("ＲＥＤ　car", "RED car"),
        ("cafe\u0301\n\nat night ", "caf\u00e9 at night"),
        ("a\x00b", "ab"),
        ("plain words, 3 of them", "plain words, 3 of them"),
    ],
)
def test_texts_are_tidied_as_ftfy_does(text, clean):
    assert tidied(text) == clean


@pytest.fixture
def merges(tmp_path, monkeypatch):
    """A list of merges in the published form, but of three."""
    monkeypatch.setattr(clip_files, "_MERGES", 3)
    file = tmp_path / BPE_FILE
    file.write_bytes(gzip.compress(b"#version: 0.2\nr e\nre d</w>\na t</w>\nmore than is read\n"))
    return file


def test_the_published_merges_make_clips_tokenizer(merges):
    tokenizer = tokenizer_from_merges(merges)
    assert len(tokenizer) == 2 * 256 + 3 + 2
    assert tokenizer("RED at")["input_ids"] == [515, 513, 514, 516]
    assert tokenizer("!é")["input_ids"][1] == 256
    assert tokenizer.model_max_length == 77
    assert len(load_tokenizer(merges.parent)) == len(tokenizer)


@pytest.mark.parametrize(
    "content",
    [b"junk", gzip.compress(b"one line"), gzip.compress(b"v\na\nb\nc\n"), b"\x1f\x8b\x08"],
    ids=["not packed", "one line", "other lines", "cut off"],
)
def test_another_file_is_refused(merges, content):
    merges.write_bytes(content)
    with pytest.raises(WeightsError, match="vocabulary"):
        load_tokenizer(merges.parent)


def test_without_a_vocabulary_and_a_network_it_says_what_to_put_where(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(clip_files, "VOCABULARY", str(tmp_path / "nothing"))
    with pytest.raises(WeightsError, match=f"{BPE_FILE} into {tmp_path}"):
        load_tokenizer(tmp_path)
