"""Tiny random models with the real architectures, saved and loaded as real ones are."""

import io
import random

import pytest

from limner.types import Picture, Prompt, Recipe

WORDS = "is there a red blue circle square ? . answer yes no or the picture drawn well"


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """More threads spin against each other on busy cores."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def draw():
    """draw(seed, size) -> a picture of random colours."""
    from PIL import Image

    def picture(seed, size=(48, 48)):
        small = Image.frombytes("RGB", (6, 6), random.Random(seed).randbytes(108))
        stream = io.BytesIO()
        small.resize(size, Image.Resampling.BICUBIC).save(stream, "PNG")
        return Picture(stream.getvalue(), Recipe(Prompt(f"picture {seed}"), seed), "test")

    return picture


@pytest.fixture(scope="session")
def broken():
    return Picture(b"no picture", Recipe(Prompt("broken"), 0), "test")


@pytest.fixture(scope="session")
def clip_tokenizer(tmp_path_factory):
    """A CLIP tokenizer whose merges know a few words; 300 tokens."""
    from tokenizers import pre_tokenizers
    from transformers import CLIPTokenizer

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = [*letters, *(letter + "</w>" for letter in letters)]
    vocabulary += ["re", "red</w>", "<|startoftext|>", "<|endoftext|>"]
    ids = {token: index for index, token in enumerate(vocabulary)}
    tokenizer = CLIPTokenizer(vocab=ids, merges=[("r", "e"), ("re", "d</w>")])
    tokenizer.model_max_length = 77
    return tokenizer


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory, clip_tokenizer):
    """A CLIPModel folder, 48 pixels a side, saved in fp16 as the embedded one is."""
    import torch
    from transformers import CLIPConfig, CLIPModel

    tower = {"intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "projection_dim": 24}
    last = len(clip_tokenizer) - 1
    text = tower | {"hidden_size": 32, "vocab_size": last + 1, "max_position_embeddings": 77}
    ends = {"bos_token_id": last - 1, "eos_token_id": last, "pad_token_id": last}
    torch.manual_seed(0)
    config = CLIPConfig(
        text_config=text | ends,
        vision_config=tower | {"hidden_size": 40, "image_size": 48, "patch_size": 8},
        projection_dim=24,
    )
    folder = tmp_path_factory.mktemp("models") / "clip"
    CLIPModel(config).half().save_pretrained(folder)
    clip_tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def aesthetic_folder(tmp_path_factory, clip_folder):
    """LAION's head, small, in its published layout, beside a CLIP folder."""
    import shutil

    import torch

    folder = shutil.copytree(clip_folder, tmp_path_factory.mktemp("models") / "aesthetic")
    torch.manual_seed(2)
    layers = torch.nn.Sequential(
        torch.nn.Linear(24, 16), torch.nn.Dropout(0.2), torch.nn.Linear(16, 8), torch.nn.Dropout(0.1),
        torch.nn.Linear(8, 4), torch.nn.Linear(4, 1),
    )  # fmt: skip
    state = {f"layers.{name}": 4 * tensor for name, tensor in layers.state_dict().items()}
    torch.save(state, folder / "sac+logos+ava1-l14-linearMSE.pth")
    return folder


def _build_llava(folder, *, template=None):
    """Save a random LLaVA of 48 pixels a side."""
    import torch
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
    from transformers import (
        CLIPImageProcessor,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
        PreTrainedTokenizerFast,
    )

    words = ["<pad>", "<unk>", "<s>", "</s>", "<image>", *WORDS.split()]
    core = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="<unk>"))
    core.normalizer = normalizers.Lowercase()
    core.pre_tokenizer = pre_tokenizers.Split(Regex(r"\w+|[^\w\s]"), behavior="removed", invert=True)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", unk_token="<unk>", bos_token="<s>", eos_token="</s>",
        extra_special_tokens={"image_token": "<image>"},
    )  # fmt: skip
    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    torch.manual_seed(1)
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(**size, image_size=48, patch_size=8, projection_dim=16),
        text_config=LlamaConfig(**size, vocab_size=len(words), initializer_range=0.3),
        image_token_id=words.index("<image>"), image_seq_length=36, vision_feature_layer=-1,
        vision_feature_select_strategy="default",
    )  # fmt: skip
    model = LlavaForConditionalGeneration(config)
    images = CLIPImageProcessor(
        size={"height": 48, "width": 48}, crop_size={"height": 48, "width": 48}, do_center_crop=False
    )
    processor = LlavaProcessor(
        image_processor=images, tokenizer=tokenizer, patch_size=8, vision_feature_select_strategy="default",
        num_additional_image_tokens=1, chat_template=template,
    )  # fmt: skip
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def llava_folder(tmp_path_factory):
    return _build_llava(tmp_path_factory.mktemp("models") / "llava")


@pytest.fixture(scope="session")
def build_llava():
    """build_llava(folder, template=...) -> the folder."""
    return _build_llava


@pytest.fixture(scope="session")
def vision_folders(tmp_path_factory, llava_folder):
    """A folder for each family of vision models, by its name."""
    from limner.testing import tiny_vision

    folder = tmp_path_factory.mktemp("vision")
    return {
        "llava": llava_folder,
        "qwen2_vl": tiny_vision.build_qwen(folder / "qwen2"),
        "qwen2_5_vl": tiny_vision.build_qwen(folder / "qwen2_5", version="2.5"),
        "vilt": tiny_vision.build_vilt(folder / "vilt"),
        "blip": tiny_vision.build_blip(folder / "blip"),
    }
