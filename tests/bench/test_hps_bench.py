"""The benchmark's own parts, at a tenth of ViT-H-14's width, beside a peer that answers as hpsv2 would."""

import json
from pathlib import Path

import pytest
import torch

from limner.bench import hps, hps_sample
from limner.bench.hps import _compared, _Ours
from limner.bench.hps_peer import FULL, Peer, Told, _set_layers
from limner.cli.main import main


class Echo:
    """Stands for the peer: says what our own scorer says, slower."""

    patches = ("none",)

    def __init__(self, python, checkpoint, *, layers, device):
        self._judge = hps._load(checkpoint, device)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def score(self, pictures, prompt):
        samples = [hps_sample.Sample(one, prompt) for one in pictures]
        return Told(hps._score(self._judge, samples).scores, wall=2.0, used=2.0, reload=0.5, text=0.25)


@pytest.fixture
def small(monkeypatch, clip_vocabulary):
    for name, value in {"VISION": 160, "TEXT": 128, "JOINT": 24, "WORDS": 300 + 217, "PATCHES": 10}.items():
        monkeypatch.setattr(hps_sample, name, value)
    monkeypatch.setattr(hps, "Peer", Echo)
    monkeypatch.setattr(hps, "install", lambda: Path("python"))
    monkeypatch.setattr(hps, "vocabulary", lambda python: clip_vocabulary)


@pytest.fixture
def clip_vocabulary(monkeypatch):
    import gzip

    from limner.scoring import clip_files

    monkeypatch.setattr(clip_files, "_MERGES", 3)
    return gzip.compress(b"#version: 0.2\nr e\nre d</w>\na t</w>\n")


def test_the_quick_form_says_how_alike_the_scores_are(small, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["bench", "hps", "--quick", "--json", "--quiet"])
    assert not ended.value.code
    row = json.loads(capsys.readouterr().out)
    assert row["max_abs_diff"] == 0
    assert row["spread_of_scores"] > 1e-4
    assert row["pictures"] == 32
    assert "speedup" not in row
    assert "not measured" in row["gpu"]


def test_pictures_have_odd_sizes(tmp_path):
    from PIL import Image

    samples = hps_sample.pictures(tmp_path, 8)
    sizes = []
    for one in samples:
        with Image.open(one.file) as image:
            sizes.append(image.size)
    assert len(set(sizes)) == 8
    assert any(w > h for w, h in sizes)
    assert any(h > w for w, h in sizes)
    assert {one.prompt for one in samples} == set(hps_sample.PROMPTS)


def test_the_checkpoint_is_the_published_layout(small, tmp_path):
    hps_sample.write_checkpoint(tmp_path / "a.pt", 2, 1)
    state = torch.load(tmp_path / "a.pt", weights_only=True)["state_dict"]
    assert state["visual.transformer.resblocks.1.attn.in_proj_weight"].shape == (480, 160)
    assert state["transformer.resblocks.0.mlp.c_fc.weight"].shape == (512, 128)


def test_parts_of_the_speedup_add_up():
    theirs = [Told([0.1] * 4, wall=12.0, used=10.0, reload=4.0, text=1.0)] * 4
    row = _compared(theirs, _Ours([0.1] * 16, 11.0, 10.0, 2.0), _Ours([0.1] * 4, 9.0, 5.0, 1.0))
    assert row["speedup"] == 4
    assert row["resident_speedup"] == 2.4
    assert row["batch"] == {
        "theirs_seconds_a_picture": 20 / 16,
        "ours_seconds_a_picture": 0.5,
        "ours_one_at_a_time_seconds_a_picture": 1.0,
    }


def test_the_depth_of_the_peer_is_set_in_its_configuration(tmp_path):
    config = tmp_path / "ViT-H-14.json"
    config.write_text(json.dumps({"vision_cfg": {"layers": FULL}, "text_cfg": {"layers": 24}}))
    _set_layers(config, 2, 2)
    assert json.loads(config.read_text()) == {"vision_cfg": {"layers": 2}, "text_cfg": {"layers": 2}}
    assert callable(Peer.score)
