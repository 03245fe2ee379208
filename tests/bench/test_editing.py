"""Editing one cell: what edits are, how they are judged, and that nothing beyond the cell changes."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from limner.bench.editing import KINDS, Edit, Manner, cell_region, edit_success, inpaint, judge, some_edit
from limner.generation.diffusers_editor import region_mask
from limner.microworld.captions import structured
from limner.microworld.law import Scene
from limner.microworld.render import render
from limner.microworld.splits import content, split_of
from limner.pictures import feathered


def some_edits(kind: str, count: int = 20) -> list[Edit]:
    rng = np.random.default_rng(3)
    return [some_edit(rng, "held_out", kind) for _ in range(count)]


def drawn(scene: Scene) -> Image.Image:
    return Image.fromarray(render(scene, np.random.default_rng(9)))


@pytest.mark.parametrize("kind", KINDS)
def test_scenes_differ_in_the_cell_alone_and_as_the_kind_says(kind: str) -> None:
    for edit in some_edits(kind):
        assert split_of(content(edit.before.things)) == split_of(content(edit.after.things)) == "held_out"
        before, after = ({thing.cell: thing for thing in scene.things} for scene in (edit.before, edit.after))
        old, new = before.pop(edit.cell, None), after.pop(edit.cell, None)
        assert before == after
        assert edit.before.ground == edit.after.ground
        assert (old is None, new is None) == (kind == "add", kind == "remove")
        if old and new:
            assert (old.colour != new.colour, old.shape != new.shape) == (kind != "shape", kind != "colour")


@pytest.mark.parametrize("kind", KINDS)
def test_the_scene_asked_for_succeeds_and_the_old_one_fails(kind: str) -> None:
    for edit in some_edits(kind, 6):
        assert judge(edit, drawn(edit.after)) == (kind, True, True)
        assert judge(edit, drawn(edit.before)) == (kind, False, True)


def test_a_change_elsewhere_is_seen() -> None:
    edit = next(edit for edit in some_edits("colour") if len(edit.before.things) > 1)
    alone = Scene(tuple(thing for thing in edit.after.things if thing.cell == edit.cell), edit.after.ground)
    assert judge(edit, drawn(alone)) == ("colour", True, False)


def test_no_pixel_beyond_the_rim_changes() -> None:
    edits, rng = some_edits("both", 3), np.random.default_rng(0)
    pictures = [drawn(edit.before) for edit in edits]
    prompts = [structured(edit.after, rng, ["clean"], complete=True) for edit in edits]
    edited = inpaint(pictures, [edit.cell for edit in edits], prompts, 0, Manner(steps=2))
    for edit, old, new in zip(edits, pictures, edited, strict=True):
        rim = np.asarray(feathered(region_mask(old.size, cell_region(edit.cell)), 2)) > 0
        changed = (np.asarray(old) != np.asarray(new)).any(-1)
        assert changed.any()
        assert not changed[~rim].any()


def test_edits_mostly_succeed() -> None:
    figures = edit_success(10, 1)
    assert (figures["edits"], figures["replacing"]) == (10, 6)
    assert figures["success"]["mean"] >= 0.5
    assert set(figures["by_kind"]) == set(KINDS)
    assert figures["cell"]["mean"] >= 0.5
    assert figures["rest"]["mean"] >= 0.8
