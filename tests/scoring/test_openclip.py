"""The conversion is held against a plain re-statement of open_clip's model, built on torch's own attention."""

import pytest
import torch
from torch import nn

from limner.errors import WeightsError
from limner.scoring import scorer
from limner.scoring.openclip import clip_state
from limner.scoring.pixels import whole_frame
from limner.types import Query

SIDE, PATCH, JOINT, WINDOW = 48, 8, 24, 77


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = nn.Sequential()
        self.mlp.add_module("c_fc", nn.Linear(width, 3 * width))
        self.mlp.add_module("gelu", nn.GELU())
        self.mlp.add_module("c_proj", nn.Linear(3 * width, width))

    def forward(self, x, mask=None):
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False, attn_mask=mask)[0]
        return x + self.mlp(self.ln_2(x))


class Tower(nn.Module):
    def __init__(self, width, heads, layers):
        super().__init__()
        self.resblocks = nn.ModuleList(Block(width, heads) for _ in range(layers))

    def forward(self, x, mask=None):
        for block in self.resblocks:
            x = block(x, mask)
        return x


class Visual(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, PATCH, PATCH, bias=False)
        self.class_embedding = nn.Parameter(torch.randn(width))
        self.positional_embedding = nn.Parameter(torch.randn((SIDE // PATCH) ** 2 + 1, width))
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.transformer = Tower(width, heads, 3)
        self.proj = nn.Parameter(torch.randn(width, JOINT))

    def forward(self, pixels):
        patches = self.conv1(pixels).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_embedding.expand(len(patches), 1, -1), patches], 1) + self.positional_embedding
        return self.ln_post(self.transformer(self.ln_pre(x))[:, 0]) @ self.proj


class OpenClip(nn.Module):
    """open_clip's CLIP: heads 80 wide in the picture tower and 64 in the text tower, as in ViT-H-14."""

    def __init__(self, vocabulary):
        super().__init__()
        self.visual = Visual(160, 2)
        self.token_embedding = nn.Embedding(vocabulary, 128)
        self.positional_embedding = nn.Parameter(torch.randn(WINDOW, 128))
        self.transformer = Tower(128, 2, 2)
        self.ln_final = nn.LayerNorm(128)
        self.text_projection = nn.Parameter(torch.randn(128, JOINT))
        self.logit_scale = nn.Parameter(torch.tensor(4.6))

    def encode_text(self, ids):
        mask = torch.full((WINDOW, WINDOW), float("-inf")).triu(1)
        x = self.transformer(self.token_embedding(ids) + self.positional_embedding, mask)
        return self.ln_final(x)[torch.arange(len(ids)), ids.argmax(-1)] @ self.text_projection


@pytest.fixture(scope="module")
def reference(clip_tokenizer):
    torch.manual_seed(5)
    model = OpenClip(len(clip_tokenizer)).eval()
    for name, parameter in model.named_parameters():
        if name.endswith("bias") or "ln_" in name:
            nn.init.normal_(parameter, 0.5, 0.5)
    return model


@pytest.fixture
def checkpoint(reference, clip_tokenizer, tmp_path):
    """Saved as HPS v2 publishes: a training state whose names begin with `module.`, the tokenizer beside it."""
    clip_tokenizer.save_pretrained(tmp_path)
    state = {f"module.{name}": tensor for name, tensor in reference.state_dict().items()}
    torch.save({"epoch": 1, "state_dict": state}, tmp_path / "HPS_v2.1_compressed.pt")
    return tmp_path / "HPS_v2.1_compressed.pt"


def test_a_published_checkpoint_scores_as_open_clip_does(reference, checkpoint, clip_tokenizer, draw):
    texts, pictures = ["a red circle", "red red"], [draw(n, (48 + 9 * n, 60)) for n in range(3)]
    # open_clip pads its text with zeros; what follows the end of the text cannot be seen from there.
    ids = torch.zeros(2, WINDOW, dtype=torch.long)
    for row, text in enumerate(texts):
        tokens = clip_tokenizer(text)["input_ids"]
        ids[row, : len(tokens)] = torch.tensor(tokens)
    with torch.no_grad():
        expected = nn.functional.cosine_similarity(
            reference.encode_text(ids)[:, None],
            reference.visual(whole_frame([picture.image() for picture in pictures], SIDE))[None],
            dim=-1,
        )
    judge = scorer(f"hps:{checkpoint}")
    pairs = [(Query.of(text), picture) for text in texts for picture in pictures]
    assert [s.value for s in judge.score(pairs)] == pytest.approx((100 * expected).flatten().tolist(), abs=1e-3)
    assert judge.identity.startswith("hps:HPS_v2.1_compressed.pt@")


def test_a_tensor_without_a_place_is_refused():
    with pytest.raises(WeightsError, match=r"visual.transformer.resblocks.0.ls_1.gamma"):
        clip_state({"visual.transformer.resblocks.0.ls_1.gamma": torch.zeros(3)})
    with pytest.raises(WeightsError, match="logit_bias"):
        clip_state({"logit_bias": torch.zeros(1)})


@pytest.mark.parametrize("content", [{"state_dict": {}}, [1, 2], {"weights": torch.zeros(2)}])
def test_another_checkpoint_is_refused(content, tmp_path):
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(WeightsError, match="not an open_clip checkpoint"):
        scorer(f"hps:{tmp_path / 'other.pt'}")


def test_a_damaged_file_is_refused(checkpoint):
    checkpoint.write_bytes(checkpoint.read_bytes()[:5000])
    with pytest.raises(WeightsError, match="fetch it again"):
        scorer(f"hps:{checkpoint}")


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    torch.save({"state_dict": Trap()}, tmp_path / "trap.pt")
    with pytest.raises(WeightsError):
        scorer(f"hps:{tmp_path / 'trap.pt'}")
    assert not (tmp_path / "sprung").exists()
