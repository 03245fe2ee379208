"""PickScore and the aesthetic predictor: tiny models of the published layouts through the code that loads those."""

import shutil

import pytest
import torch

from limner.errors import UnknownModel, WeightsError
from limner.scoring import scorer
from limner.scoring.aesthetic import read_head
from limner.scoring.pixels import centre_crop, openai_crop
from limner.types import Failure, Picture, Prompt, Query, Recipe, Score

HEAD = "sac+logos+ava1-l14-linearMSE.pth"


def test_pickscore_is_clips_own_logit(clip_folder, draw):
    from transformers import AutoTokenizer, CLIPModel

    model = CLIPModel.from_pretrained(clip_folder, dtype=torch.float32).eval()
    tokens = AutoTokenizer.from_pretrained(clip_folder)("a red square", return_tensors="pt")
    picture = draw(3, (60, 50))
    with torch.no_grad():
        expected = model(**tokens, pixel_values=centre_crop([picture.image()], 48)).logits_per_image.item()
    judge = scorer(f"pickscore:{clip_folder}")
    (score,) = judge.score([(Query.of("a red square"), picture)])
    assert score.scorer == "pickscore"
    assert score.value == pytest.approx(expected, abs=1e-4)
    assert judge.identity.startswith("pickscore:clip@")


def test_aesthetic_is_the_head_on_the_unit_embedding(aesthetic_folder, draw):
    from transformers import CLIPModel

    model = CLIPModel.from_pretrained(aesthetic_folder, dtype=torch.float32).eval()
    state = torch.load(aesthetic_folder / HEAD, weights_only=True)
    pictures = [draw(n, (50 + n, 60)) for n in range(3)]
    with torch.no_grad():
        values = model.get_image_features(pixel_values=openai_crop([one.image() for one in pictures], 48)).pooler_output
        values = values / values.norm(dim=-1, keepdim=True)
        for n in (0, 2, 4, 5):
            values = values @ state[f"layers.{n}.weight"].T + state[f"layers.{n}.bias"]
    scores = scorer(f"aesthetic:{aesthetic_folder / HEAD}").score([(Query.of("red"), one) for one in pictures])
    assert [score.value for score in scores] == pytest.approx(values[:, 0].tolist(), abs=1e-5)


def test_looks_do_not_depend_on_the_request(aesthetic_folder, draw):
    judge = scorer(f"aesthetic:{aesthetic_folder}")
    one, other = judge.score([(Query.of("red"), draw(0)), (Query.of("blue"), draw(0))])
    assert one.value == other.value


def test_identity_covers_head_and_embedding(aesthetic_folder, tmp_path):
    folder = shutil.copytree(aesthetic_folder, tmp_path / "aesthetic")
    before = scorer(f"aesthetic:{folder}").identity
    state = torch.load(folder / HEAD, weights_only=True)
    torch.save({name: tensor + 1 for name, tensor in state.items()}, folder / HEAD)
    after = scorer(f"aesthetic:{folder}", dtype="bfloat16").identity
    assert before.split("@")[0] == after.split("@")[0]
    assert before.split("/")[0] != after.split("/")[0]
    assert (before.split("/")[1], after.split("/")[1]) == ("float32", "bfloat16")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: {}, "not an aesthetic head"),
        (lambda state: {"mlp.0.weight": torch.zeros(2, 2)}, r"found mlp\.0\.weight"),
        (lambda state: {k: v for k, v in state.items() if k != "layers.2.bias"}, "not an aesthetic head"),
        (lambda state: {k: v for k, v in state.items() if not k.startswith("layers.2")}, "do not lead to one number"),
        (lambda state: state | {"layers.0.bias": torch.zeros(3)}, "do not belong together"),
        (lambda state: [*state], "found list"),
    ],
)
def test_another_head_is_refused(aesthetic_folder, tmp_path, change, message):
    torch.save(change(torch.load(aesthetic_folder / HEAD, weights_only=True)), tmp_path / HEAD)
    with pytest.raises(WeightsError, match=message):
        read_head(tmp_path / HEAD)


def test_a_truncated_head_and_one_of_another_width_are_refused(aesthetic_folder, tmp_path):
    folder = shutil.copytree(aesthetic_folder, tmp_path / "aesthetic")
    whole = (folder / HEAD).read_bytes()
    (folder / HEAD).write_bytes(whole[:300])
    with pytest.raises(WeightsError, match="fetch it again"):
        scorer(f"aesthetic:{folder}")
    torch.save({"layers.0.weight": torch.zeros(1, 768), "layers.0.bias": torch.zeros(1)}, folder / HEAD)
    with pytest.raises(WeightsError, match="takes embeddings of 768 numbers, its CLIP model gives 24"):
        scorer(f"aesthetic:{folder}")


def test_names_that_lead_nowhere(tmp_path, clip_folder):
    for name in (f"aesthetic:{tmp_path / 'no.pth'}", f"aesthetic:{clip_folder}", "pickscore:/no/such", "pickscore:"):
        with pytest.raises(UnknownModel):
            scorer(name)


@pytest.mark.parametrize("scheme", ["hps", "pickscore", "aesthetic"])
def test_weights_that_are_no_numbers_give_no_score(scheme, aesthetic_folder, tmp_path, draw):
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(aesthetic_folder, tmp_path / "nan")
    state = load_file(folder / "model.safetensors")
    state["visual_projection.weight"].fill_(float("nan"))
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    (score,) = scorer(f"{scheme}:{folder}").score([(Query.of("red"), draw(0))])
    assert isinstance(score, Score)
    assert score.value is None


@pytest.mark.parametrize("scheme", ["hps", "pickscore", "aesthetic"])
def test_truncated_weights_are_refused(scheme, aesthetic_folder, tmp_path):
    folder = shutil.copytree(aesthetic_folder, tmp_path / "cut")
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match="cannot be loaded"):
        scorer(f"{scheme}:{folder}")


@pytest.mark.parametrize("scheme", ["hps", "pickscore", "aesthetic"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_is_close(scheme, dtype, aesthetic_folder, draw):
    pairs = [(Query.of("red"), draw(n)) for n in range(3)]
    full, half = (scorer(f"{scheme}:{aesthetic_folder}", dtype=one).score(pairs) for one in ("float32", dtype))
    assert [one.value for one in half] == pytest.approx([one.value for one in full], abs=1.0)


def test_no_picture_is_a_failure_in_its_place(aesthetic_folder, draw):
    empty = Picture(b"", Recipe(Prompt(""), 0), "test")
    first, second = scorer(f"aesthetic:{aesthetic_folder}").score([(Query.of("a"), empty), (Query.of("a"), draw(1))])
    assert isinstance(first, Failure)
    assert second.value is not None
