import gc

import pytest

from limner.testing import HashGenerator


class Noting(HashGenerator):
    """Notes how many objects the garbage collector leaves out while it draws."""

    def __init__(self):
        super().__init__()
        self.left_out = []

    def generate(self, recipes):
        self.left_out.append(gc.get_freeze_count())
        return super().generate(recipes)


@pytest.fixture
def noting(another, monkeypatch):
    monkeypatch.setattr("limner.graph.heap.FIRST_S", 0.0)
    return another(generator=Noting())


def test_what_is_there_when_a_run_begins_is_left_out_of_full_passes_until_its_end(noting):
    assert gc.get_freeze_count() == 0
    noting.evolve(rounds=1)
    assert min(noting.generator.left_out) > 10_000
    assert gc.get_freeze_count() == 0


def test_a_run_in_a_process_that_has_left_objects_out_itself_changes_nothing(noting):
    gc.freeze()
    try:
        before = gc.get_freeze_count()
        noting.evolve(rounds=1)
        assert max(noting.generator.left_out) <= before  # fewer, as they go when nobody needs them
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
