"""Pictures by other programs, and by nobody: read, or refused with a reason."""

import io
import json
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from limner.errors import PictureError
from limner.pictures import Made, encode, inspect, strip
from limner.pictures.chunks import MAX_TEXT
from limner.types import Prompt, Recipe

IMAGE = Image.new("RGB", (48, 32), "red")
SAMPLES = sorted((Path(__file__).parent / "foreign").glob("*.json"))
A1111 = (
    "a cat, (blue:1.2)\nNegative prompt: a dog\n"
    "Steps: 20, Sampler: Euler a, CFG scale: 7.5, Seed: 5, Size: 48x32, Model: sd"
)
XMP = """<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?><x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF
 xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns:exif='http://ns.adobe.com/exif/1.0/'
 xmlns:xmp='http://ns.adobe.com/xap/1.0/'><rdf:Description xmp:CreatorTool='Draw Things'><exif:UserComment><rdf:Alt>
 <rdf:li xml:lang='x-default'>%s</rdf:li></rdf:Alt></exif:UserComment></rdf:Description></rdf:RDF></x:xmpmeta>"""
GRAPH: dict[str, Any] = {
    "3": {
        "class_type": "KSampler",
        "inputs": {
            "seed": 5, "steps": 20, "cfg": 7.5, "sampler_name": "euler", "scheduler": "normal",
            "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0],
        },
    },
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd"}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cat", "clip": ["4", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "a dog", "clip": ["4", 1]}},
}  # fmt: skip
LINKS = [[1, 4, 0, 3, 0, "MODEL"], [2, 6, 0, 3, 1, "CONDITIONING"], [3, 7, 0, 3, 2, "CONDITIONING"]]
FILES: dict[str, dict[str, str]] = {
    "AUTOMATIC1111": {"parameters": A1111.replace("a cat, (blue:1.2)", "a cat")},
    "SwarmUI": {
        "parameters": json.dumps(
            {
                "sui_image_params": {
                    "prompt": "a cat", "negativeprompt": "a dog", "seed": 5, "steps": 20, "cfgscale": 7.5, "model": "sd"
                }
            }
        )
    },
    "Draw Things": {
        "XML:com.adobe.xmp": XMP
        % json.dumps({"c": "a cat", "uc": "a dog", "seed": 5, "steps": 20, "scale": 7.5, "model": "sd"})
    },
    "Fooocus": {
        "parameters": json.dumps(
            {
                "prompt": "a cat", "negative_prompt": "a dog", "seed": 5, "steps": 20, "guidance_scale": 7.5,
                "sampler": "euler", "scheduler": "karras", "base_model": "sd", "base_model_hash": "ab",
                "version": "Fooocus v2.5.5",
            }
        )
    },
    "ComfyUI": {"prompt": json.dumps(GRAPH), "workflow": json.dumps({"links": LINKS})},
    "InvokeAI": {
        "invokeai_metadata": json.dumps(
            {
                "positive_prompt": "a cat", "negative_prompt": "a dog", "seed": 5, "steps": 20, "cfg_scale": 7.5,
                "scheduler": "euler", "model": {"model_name": "sd"},
            }
        )
    },
    "NovelAI": {
        "Description": "a cat",
        "Software": "NovelAI",
        "Source": "sd ABCDEF12",
        "Comment": json.dumps({"uc": "a dog", "seed": 5, "steps": 20, "scale": 7.5, "sampler": "k_euler"}),
    },
}  # fmt: skip


def png(texts: dict[str, str], *, compressed: bool = False) -> bytes:
    """A PNG as Pillow writes it, by another way than ours."""
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    for keyword, text in texts.items():
        info.add_itxt(keyword, text) if keyword.startswith("XML") else info.add_text(keyword, text, zip=compressed)
    buffer = io.BytesIO()
    IMAGE.save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def in_exif(text: str, kind: str = "JPEG", encoding: str = "utf-16-be") -> bytes:
    """A JPEG or WebP with the text as its comment."""
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + text.encode(encoding)
    buffer = io.BytesIO()
    IMAGE.save(buffer, kind, exif=exif.tobytes())
    return buffer.getvalue()


def raw(kind: bytes, payload: bytes) -> bytes:
    """A PNG with one chunk of one's own."""
    bare, body = strip(encode(IMAGE, Recipe(Prompt("x"), 0), "m")), kind + payload
    return bare[:33] + struct.pack(">I", len(payload)) + body + struct.pack(">I", zlib.crc32(body)) + bare[33:]


def made(data: bytes) -> Made:
    found = inspect(data)
    assert found is not None
    return found


def read_or_refused(texts: dict[str, str]) -> Made | None:
    """What is read; a refusal, which is the one error allowed, is None too."""
    with suppress(PictureError):
        return inspect(png(texts))
    return None


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("program", FILES)
def test_every_program_is_read(program: str, compressed: bool) -> None:
    found = made(png(FILES[program], compressed=compressed))
    assert (found.program, found.prompt, found.negative) == (program, "a cat", "a dog")
    assert (found.seed, found.steps, found.guidance) == (5, 20, 7.5)
    assert found.model == "sd"


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_what_present_versions_write_is_read(sample: Path) -> None:
    """The entries as the programs write them, settings that nobody here reads included."""
    said = json.loads(sample.read_text())
    texts = {name: text if isinstance(text, str) else json.dumps(text) for name, text in said["texts"].items()}
    files = [png(texts)] + ([in_exif(texts["parameters"])] if texts.keys() == {"parameters"} else [])
    for data in files:
        found = made(data)
        assert found.program == said["program"]
        assert {name: getattr(found, name) for name in said["expected"]} == said["expected"]


def test_every_program_has_a_sample() -> None:
    assert {json.loads(sample.read_text())["program"] for sample in SAMPLES} == set(FILES)


def test_comfys_webp_has_its_graph_in_other_tags() -> None:
    exif = Image.Exif()
    exif[0x0110], exif[0x010F] = f"prompt:{json.dumps(GRAPH)}", "workflow:{}"
    buffer = io.BytesIO()
    IMAGE.save(buffer, "WEBP", exif=exif.tobytes())
    assert (made(buffer.getvalue()).program, made(buffer.getvalue()).prompt) == ("ComfyUI", "a cat")


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
@pytest.mark.parametrize("encoding", ["utf-16-be", "utf-16-le"])
def test_jpeg_and_webp_have_it_in_exif(kind: str, encoding: str) -> None:
    found = made(in_exif(A1111, kind, encoding))
    assert (found.prompt, found.negative, found.seed) == ("a cat, (blue:1.2)", "a dog", 5)
    assert (found.width, found.height, found.sampler) == (48, 32, "Euler a")


@settings(max_examples=30)
@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=80),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
)
def test_our_own_pictures_give_the_prompt_back_to_the_letter(text: str, negative: str) -> None:
    found = made(encode(IMAGE, Recipe(Prompt(text, negative), 3), "m", query="a thing"))
    assert (found.program, found.prompt, found.negative) == ("limner", text, negative)
    assert (found.seed, found.width, found.height, found.model, found.query) == (3, 48, 32, "m", "a thing")


def test_nothing_is_said() -> None:
    assert inspect(strip(encode(IMAGE, Recipe(Prompt("x"), 0), "m"))) is None
    assert inspect(png({"Software": "Krita"})) is None


@pytest.mark.parametrize(
    "text", ["", "a cat", "a cat\nSteps: 20, Seed: 5", "Negative prompt: a dog", "{", "[1]", "{}", "\n\n"]
)
def test_fewer_than_three_pairs_are_no_settings(text: str) -> None:
    assert inspect(png({"parameters": text})) is None


def test_lines_that_look_like_the_negative_prompt() -> None:
    found = made(png({"parameters": "a cat\nNegative prompt: b\nNegative prompt: c\nSteps: 1, Seed: 2, Size: 8x8"}))
    assert (found.prompt, found.negative) == ("a cat", "b\nNegative prompt: c")


def test_wild_numbers_are_left_out() -> None:
    found = made(png({"parameters": f"a\nSteps: many, Seed: {'9' * 5000}, CFG scale: nan, Size: axb, Model: m"}))
    assert (found.steps, found.seed, found.guidance, found.width) == (None, None, None, None)


# --- hostile files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [b"tEXt", b"iTXt", b"zTXt"])
def test_three_megabytes_of_text_are_refused(kind: bytes) -> None:
    with pytest.raises(PictureError, match="too much text"):
        inspect(raw(kind, b"parameters\0" + b"x" * 3_000_000))


@pytest.mark.parametrize(("kind", "head"), [(b"zTXt", b"parameters\0\0"), (b"iTXt", b"parameters\0\1\0\0\0")])
def test_a_bomb_is_unpacked_no_further_than_the_limit(kind: bytes, head: bytes) -> None:
    with pytest.raises(PictureError, match=f"more than {MAX_TEXT}"):
        inspect(raw(kind, head + zlib.compress(b"0" * 50_000_000, 9)))
    with pytest.raises(PictureError, match="damaged"):
        inspect(raw(kind, head + b"no zlib"))


def test_broken_utf8_is_read_as_far_as_it_goes() -> None:
    text = A1111.replace("a cat", "a \x00cat").encode().replace(b"\x00", b"\xff\xfe")
    for kind, head in ((b"tEXt", b"parameters\0"), (b"iTXt", b"parameters\0\0\0\0\0")):
        assert made(raw(kind, head + text)).seed == 5


@pytest.mark.parametrize(
    "texts",
    [
        {"prompt": "[" * 100_000, "workflow": "{}"},
        {"prompt": "{}", "workflow": "{}"},
        {"prompt": '{"1": {"inputs": {"steps": [1], "text_embeds": 2}, "2": {"inputs": []}}'},
        {"prompt": '{"3": 1}', "workflow": '{"links": [[1]]}'},
        {"parameters": "{" * 90_000},
        {"parameters": '{"sui_image_params": [1]}'},
        {"invokeai_metadata": "[1]"},
        {"sd-metadata": '{"image": 1}'},
        {"Dream": '"a" -S x'},
        {"Comment": "[]", "Description": "a", "Source": "b"},
        {"XML:com.adobe.xmp": "<Draw Things"},
        {"XML:com.adobe.xmp": '<!DOCTYPE a [<!ENTITY b "b">]><a>Draw Things &b;</a>'},
        {"limner": "{"},
    ],
)
def test_entries_without_sense_are_refused_or_passed_over(texts: dict[str, str]) -> None:
    assert read_or_refused(texts) is None


def test_a_graph_that_goes_in_circles_ends() -> None:
    inputs = {"steps": ["2", 0], "sampler_name": ["1", 0], "positive": ["2", 0], "seed": True, "cfg": ["9", 0]}
    graph = {"1": {"inputs": inputs}, "2": {"inputs": {"text": ["1", 0], "value": ["2", 0], "more": [["1", 0], 3]}}}
    found = made(png({"prompt": json.dumps(graph)}))
    assert (found.prompt, found.seed, found.steps, found.guidance) == ("", None, None, None)


@given(st.binary(max_size=300), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe1", b"RIFF\0\0\0\0WEBP"]))
def test_noise_is_refused(noise: bytes, start: bytes) -> None:
    with pytest.raises(PictureError):
        inspect(start + noise)


@settings(max_examples=40)
@given(
    st.dictionaries(
        st.sampled_from(["parameters", "prompt", "workflow", "Dream", "sd-metadata", "Comment"]),
        st.text(st.characters(codec="latin-1", exclude_characters="\0"), max_size=60),
    )
)
def test_any_text_is_read_or_refused(texts: dict[str, str]) -> None:
    read_or_refused(texts)


def test_a_cut_off_jpeg(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    IMAGE.save(buffer, "JPEG")
    with pytest.raises(PictureError):
        inspect(buffer.getvalue()[:20])
    with pytest.raises(PictureError, match="none"):
        inspect(tmp_path / "none.png")


# --- the command ---------------------------------------------------------------------------------------------------


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from limner.cli.main import main

    (tmp_path / "a.png").write_bytes(png(FILES["Fooocus"]))
    for words in (["--json"], []):
        with pytest.raises(SystemExit) as ended:
            main(["inspect", str(tmp_path / "a.png"), *words])
        assert not ended.value.code
    first, *rest = capsys.readouterr().out.splitlines()
    assert json.loads(first)["made"]["program"] == "Fooocus"
    assert "prompt: a cat" in rest
    (tmp_path / "b.png").write_bytes(png({"parameters": A1111.replace("a cat", "a\x1b[2Jcat")}))
    with pytest.raises(SystemExit):
        main(["inspect", str(tmp_path / "b.png"), "--strip-metadata", str(tmp_path / "new" / "bare.png")])
    assert "\x1b" not in capsys.readouterr().out
    assert inspect(tmp_path / "new" / "bare.png") is None
    with pytest.raises(SystemExit) as ended:
        main(["inspect", str(tmp_path / "none.png")])
    assert ended.value.code == 2
