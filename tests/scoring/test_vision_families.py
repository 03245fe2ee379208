"""Each family of vision models, tiny and random, through the code that loads the real ones."""

import shutil

import pytest
import torch

from limner.errors import WeightsError
from limner.scoring import vision_model
from limner.testing import tiny_vision
from limner.types import Question

TEXTS = ("Is there a red circle?", "Is the picture drawn well?", "Is there a blue square or a circle?")
FAMILIES = ["llava", "qwen2_vl", "qwen2_5_vl", "vilt", "blip"]
SHARING = ["llava", "qwen2_vl", "qwen2_5_vl"]
LANGUAGE = {"llava": "model.language_model", "qwen2_vl": "model.language_model", "qwen2_5_vl": "model.language_model"}


@pytest.fixture
def load(vision_folders):
    return lambda family, **options: vision_model(f"transformers:{vision_folders[family]}", **options)


@pytest.fixture
def asks(draw):
    """Pictures of several shapes, three questions each, in an order that mixes the pictures."""
    pictures = [draw(n, (48 + 24 * n, 60)) for n in range(4)]
    return [(picture, Question(text)) for text in TEXTS for picture in pictures]


def _p(model, asks):
    return [answer.p_yes for answer in model.answer(asks)]


@pytest.mark.parametrize("family", SHARING)
def test_a_shared_prefix_changes_no_answer_and_is_computed_once_for_each_picture(load, asks, family):
    model = load(family, batch=len(asks))
    runs = []
    model._model.get_submodule(LANGUAGE[family]).register_forward_hook(lambda _m, args, out: runs.append(out[0].shape))
    together = _p(model, asks)
    (pictures, prefix, _), (questions, tail, _) = runs
    assert (pictures, questions) == (4, len(asks))
    assert prefix > tail

    model._shares = False
    assert _p(model, asks) == pytest.approx(together, abs=1e-5)


@pytest.mark.parametrize("family", SHARING)
def test_few_prefixes_are_held_at_once(load, asks, family, monkeypatch):
    model = load(family, batch=len(asks))
    whole = _p(model, asks)
    monkeypatch.setattr("limner.scoring.vision_chat.HELD_TOKENS", 100)
    assert _p(model, asks) == pytest.approx(whole, abs=1e-5)


def test_a_prompt_whose_picture_comes_last_shares_nothing(tmp_path, build_llava, draw):
    template = "{% for message in messages %}{{ message['content'][1]['text'] }}<image>{% endfor %} answer"
    model = vision_model(f"transformers:{build_llava(tmp_path / 'llava', template=template)}")
    answers = _p(model, [(draw(0), Question(text)) for text in TEXTS])
    assert len(set(answers)) == 3
    assert answers == pytest.approx([_p(model, [(draw(0), Question(text))])[0] for text in TEXTS], abs=1e-5)


@pytest.mark.parametrize("version", ["2", "2.5"])
def test_qwen_answers_are_the_first_token_of_the_real_model(vision_folders, draw, version):
    from transformers import AutoModelForImageTextToText, AutoTokenizer
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    folder = vision_folders["qwen2_vl" if version == "2" else "qwen2_5_vl"]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    pixels = Qwen2VLImageProcessorPil.from_pretrained(folder)(images=[draw(1, (84, 56)).image()], return_tensors="pt")
    count = int(pixels["image_grid_thw"][0].prod()) // 4
    text = (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n<|vision_start|>"
        + "<|image_pad|>" * count
        + f"<|vision_end|>{TEXTS[0]} Answer yes or no.<|im_end|>\n<|im_start|>assistant\n"
    )
    ids = tokenizer(text, return_tensors="pt")["input_ids"]
    kinds = (ids == tokenizer.convert_tokens_to_ids("<|image_pad|>")).int()
    assert int(kinds.sum()) == count
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        logits = model(input_ids=ids, mm_token_type_ids=kinds, **pixels).logits[0, -1]
    yes, no = (logits[tokenizer.get_vocab()[word]] for word in ("yes", "no"))
    (p_yes,) = _p(vision_model(f"transformers:{folder}"), [(draw(1, (84, 56)), Question(TEXTS[0]))])
    assert p_yes == pytest.approx(torch.sigmoid(yes - no).item(), abs=1e-5)


def test_blip_answers_are_the_first_word_that_it_would_write(vision_folders, draw):
    from transformers import BlipForQuestionAnswering, BlipProcessor

    processor = BlipProcessor.from_pretrained(vision_folders["blip"])
    model = BlipForQuestionAnswering.from_pretrained(vision_folders["blip"], dtype=torch.float32).eval()
    inputs = processor(images=draw(0).image(), text=TEXTS[0], return_tensors="pt")
    with torch.no_grad():
        out = model.generate(**inputs, max_new_tokens=1, return_dict_in_generate=True, output_logits=True)
    vocabulary = processor.tokenizer.get_vocab()
    yes, no = (out.logits[0][0, vocabulary[word]] for word in ("yes", "no"))
    (p_yes,) = _p(vision_model(f"transformers:{vision_folders['blip']}"), [(draw(0), Question(TEXTS[0]))])
    assert p_yes == pytest.approx(torch.sigmoid(yes - no).item(), abs=1e-5)


def test_vilt_answers_alike_whatever_was_drawn_at_random_before(load, asks):
    model = load("vilt", batch=4)
    torch.manual_seed(1)
    first, state = model.answer(asks), torch.get_rng_state()
    torch.manual_seed(2)
    assert model.answer(asks) == first
    torch.manual_seed(1)
    model.answer(asks)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), state)  # answering drew nothing


def test_vilt_that_would_answer_something_else_is_unreadable(load, draw):
    model = load("vilt")
    logits = torch.tensor([-8.0, -9.0, 4.0, 0.0])
    answer = model._read(logits)
    assert answer.p_yes is None
    assert "'two'" in answer.reason


def test_a_question_longer_than_the_window_is_answered(load, draw):
    long = Question("Is there a red circle " + "or a blue square " * 40 + "?")
    for family in ("vilt", "blip"):
        assert load(family).answer([(draw(0), long)])[0].p_yes is not None


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("size", [(1, 1), (3, 60), (1000, 2), (33, 47)])
def test_pictures_of_any_shape_are_answered(load, draw, family, size):
    assert 0 <= load(family).answer([(draw(0, size), Question(TEXTS[0]))])[0].p_yes <= 1


@pytest.mark.parametrize("family", FAMILIES)
def test_weights_that_are_not_numbers_give_no_answer(vision_folders, tmp_path, draw, family):
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(vision_folders[family], tmp_path / family)
    weights = load_file(folder / "model.safetensors")
    spoilt = {name: torch.full_like(value, float("nan")) for name, value in weights.items()}
    save_file(spoilt, folder / "model.safetensors", metadata={"format": "pt"})
    (answer,) = vision_model(f"transformers:{folder}").answer([(draw(0), Question(TEXTS[0]))])
    assert answer.p_yes is None
    assert "finite" in answer.reason


def _truncate(folder):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _rename_keys(folder):
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    renamed = {f"other.{name}": value for name, value in weights.items()}
    save_file(renamed, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("spoil", [_truncate, _rename_keys, lambda folder: (folder / "tokenizer.json").unlink()])
def test_wrong_files_are_refused_with_their_folder(vision_folders, tmp_path, family, spoil):
    folder = shutil.copytree(vision_folders[family], tmp_path / family)
    spoil(folder)
    with pytest.raises(WeightsError, match=r"cannot be loaded|do not fit|no token for"):
        vision_model(f"transformers:{folder}")


def test_a_model_that_cannot_say_no_is_refused(tmp_path):
    folder = tiny_vision.build_vilt(tmp_path / "vilt", labels=("yes", "two", "red"))
    with pytest.raises(WeightsError, match="no answer 'no' among its 3"):
        vision_model(f"transformers:{folder}")


def test_a_tokenizer_without_pictures_is_refused(vision_folders, tmp_path):
    folder = shutil.copytree(vision_folders["qwen2_vl"], tmp_path / "qwen")
    for file in ("tokenizer.json", "tokenizer_config.json"):
        text = (folder / file).read_text()
        (folder / file).write_text(text.replace("<|image_pad|>", "<|other|>"))
    with pytest.raises(WeightsError, match="image_pad"):
        vision_model(f"transformers:{folder}")
