import io

import pytest
from PIL import Image, PngImagePlugin

from limner import pictures
from limner.types import Prompt, Recipe


def png(**texts):
    stream, info = io.BytesIO(), PngImagePlugin.PngInfo()
    for key, text in texts.items():
        info.add_text(key, text)
    Image.new("RGB", (4, 4)).save(stream, "PNG", pnginfo=info)
    return stream.getvalue()


def test_our_own_entry_comes_first():
    data = pictures.encode(Image.new("RGB", (4, 4)), Recipe(Prompt("long prompt"), 1), "m", query="a cat, red")
    assert pictures.request_in(data) == "a cat, red"


@pytest.mark.parametrize(
    ("line", "request_text"),
    [
        ("Steps: 4, Raw prompt: a cat, Version: v1", "a cat"),
        ('Steps: 4, Raw prompt: "a cat, red", Version: v1', "a cat, red"),
        ('Raw prompt: "say \\"hi\\"", Steps: 4, Seed: 2', 'say "hi"'),
        ("Steps: 4, Seed: 2, Size: 4x4", None),
        ('Raw prompt: "cut off', None),
    ],
)
def test_raw_prompt_of_other_tools(line, request_text):
    assert pictures.request_in(png(parameters=f"a long prompt\n{line}")) == request_text


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", png(), png(limner="{"), png(limner='{"version": 99}')])
def test_a_picture_that_says_nothing(data):
    assert pictures.request_in(data) is None
