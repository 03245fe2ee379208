"""Whatever a picture's bytes are, judges see what a viewer shows, or are told why they cannot."""

import hashlib
import io
import pickle
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from limner.types import Picture, Prompt, Recipe


def _picture(image, kind="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return _of(stream.getvalue())


def _of(data):
    return Picture(data, Recipe(Prompt("p"), 0), "test")


def test_a_picture_is_known_by_its_own_bytes_also_where_it_was_copied_from_another():
    first = _of(b"one")
    copied, sent = replace(first, png=b"other"), pickle.loads(pickle.dumps(first))
    assert [one.sha256 for one in (first, copied, sent)] == [
        hashlib.sha256(data).hexdigest() for data in (b"one", b"other", b"one")
    ]
    assert replace(first, png=b"other") == copied != first == sent == _of(b"one")
    assert len({first, sent, copied}) == 2


def _sized(width, height):
    """A PNG whose header claims this size."""
    whole = _picture(Image.new("RGB", (4, 4))).png
    header = b"IHDR" + struct.pack(">II5B", width, height, 8, 2, 0, 0, 0)
    return whole[:12] + header + struct.pack(">I", zlib.crc32(header)) + whole[33:]


def test_sixteen_bits_keep_their_shades():
    ramp = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    shown = np.asarray(_picture(Image.fromarray(ramp)).image())[:, :, 0]
    assert np.abs(shown.astype(float) - ramp / 257).max() <= 1


@pytest.mark.parametrize(
    ("image", "kind", "options", "pixel"),
    [
        (Image.new("RGBA", (4, 4), (255, 0, 0, 0)), "PNG", {}, (255, 255, 255)),
        (Image.new("RGBA", (4, 4), (255, 0, 0, 255)), "PNG", {}, (255, 0, 0)),
        (Image.new("LA", (4, 4), (0, 0)), "PNG", {}, (255, 255, 255)),
        (Image.new("P", (4, 4)), "GIF", {"transparency": 0}, (255, 255, 255)),
        (Image.new("1", (4, 4), 1), "PNG", {}, (255, 255, 255)),
    ],
)
def test_transparency_is_white(image, kind, options, pixel):
    assert _picture(image, kind, **options).image().getpixel((0, 0)) == pixel


def test_print_colours_and_the_first_frame_of_an_animation():
    assert _picture(Image.new("CMYK", (4, 4), (0, 255, 255, 0)), "JPEG").image().getpixel((0, 0)) == (255, 0, 0)
    red, blue = (Image.new("RGB", (4, 4), colour) for colour in ("red", "blue"))
    for kind in ("GIF", "PNG", "WEBP"):
        r, g, b = _picture(red, kind, save_all=True, append_images=[blue]).image().getpixel((0, 0))
        assert r > 240 > 20 > max(g, b)


def test_a_picture_taken_on_its_side_stands_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    assert _picture(Image.new("RGB", (8, 4)), "JPEG", exif=exif).image().size == (4, 8)


@pytest.mark.parametrize(
    "data",
    [b"", b"no picture", _sized(0, 4), _sized(4, 0), _sized(60_000, 60_000), _of(_sized(40, 40)).png[:50]],
    ids=["empty", "text", "no width", "no height", "bomb", "truncated"],
)
def test_what_is_no_picture_is_an_os_error(data):
    with pytest.raises(OSError, match=r"picture|truncated|identify|broken"):
        _of(data).image()
