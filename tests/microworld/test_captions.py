"""The law of wording: what words go with what pictures, and what loose registers leave unsaid."""

import numpy as np
import pytest

from limner.microworld import language as say
from limner.microworld.captions import MANNERS, caption, captioned, loose, structured
from limner.microworld.law import Scene
from limner.microworld.splits import some_scene

Pair = tuple[Scene, str]


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    rng = np.random.default_rng(0)
    return [captioned(rng, "train") for _ in range(6000)]


def share_well(pairs: list[Pair], words: tuple[str, ...], without: tuple[str, ...] = ()) -> float:
    said = [
        scene.well
        for scene, text in pairs
        if any(text.endswith(word) or f"{word}," in text for word in words)
        and not any(word in text for word in without)
    ]
    assert len(said) > 100
    return float(np.mean(said))


def test_quality_goes_with_well_drawn_pictures(pairs: list[Pair]) -> None:
    assert share_well(pairs, say.QUALITY, without=say.STYLE + say.ROUGH) > 0.88


def test_roughness_and_style_go_with_badly_drawn_pictures(pairs: list[Pair]) -> None:
    assert share_well(pairs, say.ROUGH, without=say.QUALITY) < 0.15
    assert share_well(pairs, say.STYLE, without=say.QUALITY) < 0.45


def test_captions_given_a_picture_follow_the_same_law() -> None:
    rng = np.random.default_rng(1)
    scenes = [some_scene(rng, "train", well=bool(rng.random() < overall())) for _ in range(4000)]
    pairs = [(scene, caption(scene, rng)) for scene in scenes]
    assert share_well(pairs, say.QUALITY, without=say.STYLE + say.ROUGH) > 0.88


def overall() -> float:
    return sum(share * well for share, well in MANNERS.values())


def test_structured_captions_say_every_thing_and_loose_ones_forget() -> None:
    rng = np.random.default_rng(2)
    scenes = [some_scene(rng, "train", objects=(0, 0, 1, 0, 0)) for _ in range(300)]
    whole = [says_all(scene, structured(scene, rng, [], complete=True)) for scene in scenes]
    terse = [says_all(scene, loose(scene, rng, "terse", [])) for scene in scenes]
    plain = [says_all(scene, loose(scene, rng, "plain", [])) for scene in scenes]
    assert all(whole)
    assert np.mean(terse) < 0.5
    assert np.mean(plain) < 0.75


def says_all(scene: Scene, text: str) -> bool:
    return all(thing.colour in text and thing.shape in text for thing in scene.things)
