"""The oracle's figures: against the truth of renderings, against a second reader, against labels made by eye."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from limner.bench.world.asking import Reply, as_scene, balanced, draw_questions, share, unclear
from limner.bench.world.gallery import Shown
from limner.microworld import reader
from limner.microworld.labels import Labelled
from limner.microworld.law import Scene, Thing, holds
from limner.microworld.oracle import UNCLEAR, Reading, read, verdict
from limner.microworld.render import render
from limner.microworld.splits import some_scene


class Rendering(NamedTuple):
    """A scene and its drawing."""

    scene: Scene
    picture: Image.Image


def renderings(count: int, seed: int) -> list[Rendering]:
    """Fresh drawings of held-out contents, every other one well drawn."""
    rng = np.random.default_rng([seed, 1])
    scenes = [some_scene(rng, "held_out", well=number % 2 == 0) for number in range(count)]
    return [Rendering(scene, Image.fromarray(render(scene, rng))) for scene in scenes]


def on_renderings(drawn: Sequence[Rendering], seed: int) -> dict[str, Any]:
    """`oracle_clean` and `oracle_bad`: the oracle's verdicts on well and on badly drawn scenes, unclear being wrong.

    Whether a picture is drawn well has one answer in each half: `quality` is there the share of that answer.
    """
    rng = np.random.default_rng([seed, 2])
    replies: dict[bool, list[Reply]] = {True: [], False: []}
    for scene, picture in drawn:
        reading = read(picture)
        for asked in draw_questions(scene, rng):
            replies[scene.well].append(Reply(asked.kind, holds(scene, asked), verdict(reading, asked)))
    return {
        name: {**balanced(replies[well]), "unclear": unclear(replies[well]), "pictures": len(drawn) // 2}
        for name, well in (("oracle_clean", True), ("oracle_bad", False))
    }


def agreement(shown: Sequence[Shown], seed: int) -> dict[str, Any]:
    """`oracle_agreement`: how far the second reader says of painted pictures what the oracle says.

    Questions are drawn on the oracle's reading; unclear counts as no on both sides, as it does wherever pictures are
    judged, and its shares are given. So two readers who cannot tell agree, and one who cannot agrees with a no:
    `answered` is the same over the questions that the oracle answers with yes or no, and in `strict` nobody agrees who
    cannot tell.
    """
    rng = np.random.default_rng([seed, 3])
    second = reader.read([one.picture.image() for one in shown])
    said = [
        (asked.kind, verdict(first, asked), verdict(other, asked))
        for (_, first), other in zip(shown, second, strict=True)
        for asked in draw_questions(as_scene(first), rng)
    ]
    strictly = [Reply(kind, ours is True, None if ours is None else theirs) for kind, ours, theirs in said]
    return {
        **balanced([Reply(kind, ours is True, theirs is True) for kind, ours, theirs in said]),
        "answered": balanced([Reply(kind, ours, theirs) for kind, ours, theirs in said if ours is not None]),
        "strict": balanced(strictly),
        "unclear_oracle": share([ours is None for _, ours, _ in said]),
        "unclear_reader": share([theirs is None for *_, theirs in said]),
        "pictures": len(shown),
    }


def against_labels(labels: Sequence[Labelled], seed: int) -> dict[str, Any]:
    """`oracle_vs_eye_labels`: the oracle's verdicts against what was seen in painted pictures by eye.

    `reader` is how far the second reader meets the same labels, and `labellers` how far these meet each other.
    """
    pictures = [label.picture for label in labels]
    return {
        **_met(labels, [read(picture) for picture in pictures], seed),
        "reader": _met(labels, reader.read(pictures), seed),
        "labellers": _among_labellers(labels),
        "pictures": len(labels),
    }


def _met(labels: Sequence[Labelled], readings: Sequence[Reading], seed: int) -> dict[str, Any]:
    """How far readings meet labels, which are what all labellers saw.

    Questions are drawn on the labels; those that they leave open are left out, and an unclear verdict is wrong. `share`
    is that of all right replies, not balanced.
    """
    rng = np.random.default_rng([seed, 4])
    replies: list[Reply] = []
    open_labels = 0
    for label, reading in zip(labels, readings, strict=True):
        for asked in draw_questions(as_scene(label.reading), rng):
            truth = verdict(label.reading, asked)
            if truth is None:
                open_labels += 1
            else:
                replies.append(Reply(asked.kind, truth, verdict(reading, asked)))
    return {
        **balanced(replies),
        "share": share([reply.said is reply.truth for reply in replies]),
        "unclear_label_share": open_labels / max(1, open_labels + len(replies)),
        "unclear_share": share([reply.said is None for reply in replies]),
    }


def _among_labellers(labels: Sequence[Labelled]) -> dict[str, Any]:
    """Of the cells that every labeller names the share that all name alike; and how many of all are left open.

    `open_cells`: share of the cells in which any labeller saw something whose label is open.
    """
    seen = [cells for label in labels for cells in zip(*(one.cells for one in label.seen), strict=True)]
    named = [cells for cells in seen if all(isinstance(cell, Thing) for cell in cells)]
    standing = [cells for cells in seen if any(cell is not None for cell in cells)]
    return {
        "named_by_all": len(named),
        "alike": share([len(set(cells)) == 1 for cells in named]),
        "open_cells": share([len(set(cells)) > 1 or cells[0] is UNCLEAR for cells in standing]),
        "ground_alike": share([len({one.ground for one in label.seen}) == 1 for label in labels]),
        "quality_alike": share([len({one.well for one in label.seen}) == 1 for label in labels]),
    }
