import shutil

import pytest
import torch

from limner.errors import UnknownModel, WeightsError
from limner.scoring import vision_model
from limner.scoring.vision_chat import ChatVision, ProcessorReader
from limner.types import Question

RED = Question("Is there a red circle?")


class Voice:
    """A model that says fixed logits, to test how they are read."""

    device, dtype = torch.device("cpu"), torch.float32

    def __init__(self, logits):
        self._logits = logits

    def __call__(self, input_ids, **_):
        return type("Out", (), {"logits": self._logits.expand(len(input_ids), 1, -1)})


class Tokens:
    """A tokenizer with this vocabulary."""

    padding_side, pad_token, chat_template = "right", "<pad>", None

    def __init__(self, vocabulary):
        self._vocabulary = vocabulary

    def get_vocab(self):
        return self._vocabulary

    def convert_ids_to_tokens(self, index):
        return {i: token for token, i in self._vocabulary.items()}[index]


class Processor:
    image_token = "<image>"

    def __init__(self, vocabulary):
        self.tokenizer = Tokens(vocabulary)

    def __call__(self, text, **_):
        from transformers import BatchFeature

        return BatchFeature({"input_ids": torch.zeros(len(text), 3)})


def _reader(logits, words):
    vocabulary = {word: index for index, word in enumerate(words)}
    return ChatVision(Voice(torch.tensor(logits)), ProcessorReader(Processor(vocabulary), None), "voice")


def test_every_spelling_of_yes_and_no_counts(draw):
    words = ["yes", "▁Yes", "ĠYES", "no</w>", "▁No", "yesterday", "not"]
    logits = torch.log(torch.tensor([1.0, 2, 3, 1, 1, 50, 60])).tolist()
    (answer,) = _reader(logits, words).answer([(draw(0), RED)])
    assert answer.p_yes == pytest.approx(6 / 8)


def test_a_model_that_would_say_something_else_is_unreadable(draw):
    words = ["yes", "no", "Sorry", *(f"w{n}" for n in range(3000))]
    logits = [0.0, 1.0, 20.0, *[-5.0] * 3000]
    (answer,) = _reader(logits, words).answer([(draw(0), RED)])
    assert answer.p_yes is None
    assert "'Sorry'" in answer.reason
    assert _reader([0.0, 0.0, *[-9.0] * 3001], words).answer([(draw(0), RED)])[0].p_yes == pytest.approx(0.5)


def test_logits_that_are_not_numbers_are_unreadable(draw):
    (answer,) = _reader([float("nan")] * 3, ["yes", "no", "or"]).answer([(draw(0), RED)])
    assert answer.p_yes is None
    assert "finite" in answer.reason


def test_a_model_without_yes_is_refused():
    with pytest.raises(WeightsError, match="no token for 'yes'"):
        _reader([0.0], ["no"])


def test_the_prompt_without_a_template_names_the_picture_and_the_question(llava_folder):
    model = vision_model(f"transformers:{llava_folder}")
    assert model._reader.prompt(RED.text) == "<image>\nIs there a red circle? Answer yes or no."


def test_the_models_own_template_is_used(tmp_path, build_llava, draw):
    template = (
        "{% for message in messages %}{{ message['role'] }}: {% for part in message['content'] %}"
        "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endfor %}"
        "{% if add_generation_prompt %} answer:{% endif %}"
    )
    model = vision_model(f"transformers:{build_llava(tmp_path / 'llava', template=template)}")
    assert model._reader.prompt("Is there?") == "user: <image>Is there? Answer yes or no. answer:"
    assert model.answer([(draw(0), RED)])[0].p_yes is not None


def test_a_template_of_the_tokenizer_gets_plain_text():
    model = _reader([0.0, 0.0], ["yes", "no"])
    tokens = model._reader.tokenizer
    tokens.chat_template = "{{ messages }}"
    tokens.apply_chat_template = lambda chat, **_: f"<user>{chat[0]['content']}<model>"
    assert model._reader.prompt("Is there?") == "<user><image>\nIs there? Answer yes or no.<model>"


def test_answers_are_the_first_token_of_the_real_model(llava_folder, draw):
    from transformers import AutoProcessor, LlavaForConditionalGeneration

    processor = AutoProcessor.from_pretrained(llava_folder)
    model = LlavaForConditionalGeneration.from_pretrained(llava_folder, dtype=torch.float32).eval()
    inputs = processor(
        images=draw(0).image(), text="<image>\nIs there a red circle? Answer yes or no.", return_tensors="pt"
    )
    with torch.no_grad():
        logits = model(**inputs).logits[0, -1]
    vocabulary = processor.tokenizer.get_vocab()
    expected = torch.sigmoid(logits[vocabulary["yes"]] - logits[vocabulary["no"]]).item()
    (answer,) = vision_model(f"transformers:{llava_folder}").answer([(draw(0), RED)])
    assert answer.p_yes == pytest.approx(expected, abs=1e-5)


def test_another_picture_gets_another_answer(llava_folder, draw):
    answers = vision_model(f"transformers:{llava_folder}").answer([(draw(n), RED) for n in range(6)])
    assert len({answer.p_yes for answer in answers}) == 6


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "model.safetensors").unlink(), "cannot be loaded"),
        (lambda folder: (folder / "config.json").write_text('{"model_type": "bert"}'), "cannot be loaded"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "processor"),
    ],
)
def test_wrong_weights_are_refused_with_the_reason(llava_folder, tmp_path, spoil, message):
    folder = shutil.copytree(llava_folder, tmp_path / "llava")
    spoil(folder)
    with pytest.raises(WeightsError, match=message):
        vision_model(f"transformers:{folder}")


@pytest.mark.parametrize("name", ["eye", "hps:v2", "transformers:", "transformers:/no/such", "transformers:a b"])
def test_unknown_names_say_what_is_known(name):
    with pytest.raises(UnknownModel, match="transformers:"):
        vision_model(name)
