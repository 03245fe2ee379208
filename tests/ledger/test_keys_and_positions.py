import threading
from contextvars import copy_context

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.errors import UsageError
from limner.ledger import current_position, position
from limner.ledger.keys import canonical, key_of

leaves = st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
plain = leaves | st.lists(leaves, max_size=3) | st.dictionaries(st.text(max_size=4), leaves, max_size=3)


@given(st.dictionaries(st.text(max_size=4), plain, max_size=4))
def test_the_order_of_fields_does_not_change_a_key(request_):
    backwards = dict(reversed(request_.items()))
    assert key_of("chat", "m", canonical(request_), None) == key_of("chat", "m", canonical(backwards), None)


def test_kind_model_request_and_occurrence_each_change_a_key():
    keys = {
        key_of("chat", "m", canonical({"a": 1}), None),
        key_of("answer", "m", canonical({"a": 1}), None),
        key_of("chat", "n", canonical({"a": 1}), None),
        key_of("chat", "m", canonical({"a": 2}), None),
        key_of("chat", "m", canonical({"a": 1}), ("critic",)),
        key_of("chat", "m", canonical({"a": 1}), ("critic", "round 1")),
        key_of("chat", "m", canonical({"a": 1}), ("critic / round 1",)),
    }
    assert len(keys) == 7


def test_keys_stay_what_they_were():
    """Sessions of earlier versions must resume: a change here is a change of the stored format."""
    key = key_of("picture", "hash", canonical({"prompt": "x", "seed": 1}), None)
    assert key == "1cd2355dac4d3b2507cfa47c7c5ba787b1a58d8c9d8e105991796ee7e2594473"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object()])
def test_what_has_no_canonical_form_is_refused(value):
    with pytest.raises(UsageError, match="plain, finite data"):
        canonical({"guidance": value})


def test_positions_nest_and_end():
    assert current_position() == ()
    with position("critic", "round 3"), position("q-1") as path:
        assert path == current_position() == ("critic", "round 3", "q-1")
    assert current_position() == ()


def test_a_position_ends_when_its_block_fails():
    with pytest.raises(ZeroDivisionError), position("critic"):
        _ = 1 / 0
    assert current_position() == ()


@pytest.mark.parametrize("parts", [(), ("",), ("critic", 3)])
def test_a_position_is_made_of_texts(parts):
    with pytest.raises(UsageError, match="non-empty texts"), position(*parts):
        pass


def test_a_position_follows_a_copied_context_into_a_thread():
    seen = []
    with position("critic"):
        thread = threading.Thread(target=copy_context().run, args=(lambda: seen.append(current_position()),))
        thread.start()
        thread.join()
    assert seen == [("critic",)]
