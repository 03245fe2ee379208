import io
import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from limner.errors import UnknownModel, WeightsError
from limner.scoring import scorer
from limner.scoring.pixels import MEAN, STD, whole_frame
from limner.types import Query


def test_a_score_is_the_cosine_times_a_hundred(clip_folder, draw):
    from transformers import AutoTokenizer, CLIPModel

    model = CLIPModel.from_pretrained(clip_folder, dtype=torch.float32).eval()
    tokens = AutoTokenizer.from_pretrained(clip_folder)("a red square", return_tensors="pt")
    pixels = whole_frame([draw(3).image()], 48)
    with torch.no_grad():
        out = model(**tokens, pixel_values=pixels)
    cosine = out.logits_per_image.item() / model.logit_scale.exp().item()
    (score,) = scorer(f"hps:{clip_folder}").score([(Query.of("a red square"), draw(3))])
    assert score.value == pytest.approx(100 * cosine, abs=1e-4)


def test_pictures_keep_their_whole_frame():
    wide = Image.new("RGB", (96, 48), (255, 255, 255))
    pixels = whole_frame([wide], 48)[0]
    black = -torch.tensor(MEAN) / torch.tensor(STD)
    white = (1 - torch.tensor(MEAN)) / torch.tensor(STD)
    assert torch.allclose(pixels[:, :12], black.view(3, 1, 1).expand(3, 12, 48))
    assert torch.allclose(pixels[:, 36:], black.view(3, 1, 1).expand(3, 12, 48))
    assert torch.allclose(pixels[:, 12:36], white.view(3, 1, 1).expand(3, 24, 48), atol=1e-5)


def test_a_picture_of_the_models_size_is_not_resampled():
    noise = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    pixels = whole_frame([Image.fromarray(noise)], 48)[0]
    back = pixels * torch.tensor(STD).view(3, 1, 1) + torch.tensor(MEAN).view(3, 1, 1)
    assert torch.allclose(back.permute(1, 2, 0) * 255, torch.from_numpy(noise).float(), atol=1e-3)


@pytest.mark.parametrize("size", [(1000, 3), (3, 1000), (1, 1), (49, 48), (47, 48)])
def test_any_shape_of_picture_fits(size):
    pixels = whole_frame([Image.new("RGB", size)], 48)
    assert pixels.shape == (1, 3, 48, 48)
    assert torch.isfinite(pixels).all()


def test_shrinking_is_antialiased():
    stripes = np.zeros((480, 480, 3), np.uint8)
    stripes[:, ::2] = 255
    middle = whole_frame([Image.fromarray(stripes)], 48)[0, 0, 24, 10:38]
    assert torch.allclose(middle, torch.full((28,), (0.5 - MEAN[0]) / STD[0]), atol=0.05)


def test_long_requests_say_how_much_was_cut(clip_folder, draw):
    judge = scorer(f"hps:{clip_folder}")
    short, long = judge.score([(Query.of("red"), draw(0)), (Query.of("red " * 100), draw(0))])
    assert short.parts["truncated"] == 0
    assert long.parts["truncated"] == 100 + 2 - 77


def test_text_beyond_the_window_changes_nothing(clip_folder, draw):
    judge = scorer(f"hps:{clip_folder}")
    one, other = judge.score([(Query.of("red " * 75 + end), draw(0)) for end in ("red", "a a a a")])
    assert one.value == other.value


def test_a_request_is_encoded_once(clip_folder, draw):
    judge = scorer(f"hps:{clip_folder}")
    judge.score([(Query.of("a"), draw(n)) for n in range(40)])
    judge.score([(Query.of("a"), draw(0)), (Query.of("b"), draw(0))])
    assert judge._text.cache_info().misses == 2


def test_identity_tells_weights_and_dtype(clip_folder, tmp_path, draw):
    plain, half = scorer(f"hps:{clip_folder}"), scorer(f"hps:{clip_folder}", dtype="bfloat16")
    assert plain.identity.startswith("hps:clip@")
    assert plain.identity.endswith("/float32")
    assert half.identity == plain.identity.replace("float32", "bfloat16")
    moved = shutil.copytree(clip_folder, tmp_path / "clip")
    assert scorer(f"hps:{moved}").identity == plain.identity
    weights = moved / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-2] + b"\0\0")
    assert scorer(f"hps:{moved}").identity != plain.identity
    assert half.score([(Query.of("red"), draw(1))])[0].value == pytest.approx(
        plain.score([(Query.of("red"), draw(1))])[0].value, abs=1.0
    )


def test_weights_saved_in_half_precision_are_computed_in_the_stated_one(clip_folder):
    assert {p.dtype for p in scorer(f"hps:{clip_folder}")._model.parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "config.json").unlink(), "config.json"),
        (lambda folder: (folder / "config.json").write_text("{"), "not JSON"),
        (lambda folder: (folder / "config.json").write_text('{"model_type": "bert"}'), "'bert'"),
        (lambda folder: (folder / "model.safetensors").unlink(), "cannot be loaded"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"junk"), "cannot be loaded"),
        (lambda folder: _edit(folder / "config.json", "projection_dim", 12), "mismatched keys"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "tokenizer"),
        (lambda folder: _edit(folder / "tokenizer_config.json", "eos_token", "a"), "does not belong"),
    ],
)
def test_wrong_weights_are_refused_with_the_reason(clip_folder, tmp_path, spoil, message):
    folder = shutil.copytree(clip_folder, tmp_path / "clip")
    spoil(folder)
    with pytest.raises(WeightsError, match=message):
        scorer(f"hps:{folder}")


def _edit(file, key, value):
    config = json.loads(file.read_text())
    config[key] = value
    file.write_text(json.dumps(config))


def test_missing_tensors_are_not_made_up(clip_folder, tmp_path):
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(clip_folder, tmp_path / "clip")
    state = load_file(folder / "model.safetensors")
    del state["visual_projection.weight"]
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(WeightsError, match=r"1 missing keys \(visual_projection.weight\)"):
        scorer(f"hps:{folder}")


@pytest.mark.parametrize("name", ["nonsense", "hps", "hps:", "diffusers:x", "hps:/no/such/folder", ""])
def test_unknown_names_list_what_is_known(name):
    with pytest.raises(UnknownModel, match=r"hps:|v2\.1"):
        scorer(name)


def test_unknown_dtype_is_refused(clip_folder):
    with pytest.raises(UnknownModel, match="float17"):
        scorer(f"hps:{clip_folder}", dtype="float17")


def test_published_weights_without_a_network_say_what_to_fetch(monkeypatch, tmp_path):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsError, match=r"HPS_v2.1_compressed.pt of xswu/HPSv2.*name the path"):
        scorer("hps:v2.1")


def test_greyscale_and_transparent_pictures_are_scored(clip_folder, draw):
    from limner.types import Picture

    stream = io.BytesIO()
    Image.new("LA", (20, 30), (128, 40)).save(stream, "PNG")
    picture = Picture(stream.getvalue(), draw(0).recipe, "test")
    assert scorer(f"hps:{clip_folder}").score([(Query.of("grey"), picture)])[0].value is not None


def test_a_published_name_is_taken_from_the_hubs_cache(monkeypatch, clip_folder, tmp_path):
    from limner.scoring import hps
    from limner.scoring.loading import fingerprint

    snapshot = tmp_path / "snapshots" / "0123456789abcdef0123"
    snapshot.mkdir(parents=True)
    (snapshot / "HPS_v2.1_compressed.pt").write_bytes(b"")
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda repository, file: str(snapshot / file))
    assert hps._find("v2.1") == snapshot / "HPS_v2.1_compressed.pt"
    assert fingerprint(snapshot / "HPS_v2.1_compressed.pt") == fingerprint(snapshot) == "0123456789ab"
