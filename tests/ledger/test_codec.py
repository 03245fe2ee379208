import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.ledger.codec import decode, encode, picture_request, shelve
from limner.types import (
    Answer,
    Evidence,
    Failure,
    Picture,
    Prompt,
    Question,
    Recipe,
    Score,
    Turn,
    Usage,
)

numbers = st.floats(allow_nan=False)
maybe = st.none() | numbers
texts = st.text(st.characters())
questions = st.builds(Question, texts, st.sampled_from(["exists", "count", "other"]), st.lists(texts).map(tuple))
answers = st.builds(Answer, maybe, texts)
evidence = st.lists(st.builds(Evidence, questions, answers), max_size=3).map(tuple)
recipe = st.builds(
    Recipe, st.builds(Prompt, texts, texts), st.integers(), st.none() | st.integers(1), guidance=maybe, scheduler=texts
)
usage = st.builds(Usage, st.none() | st.integers(0), st.none() | st.integers(0), st.none() | st.integers(0))
results = st.one_of(
    st.builds(Picture, st.binary(), recipe, texts),
    st.builds(Failure, texts, texts),
    st.builds(Score, texts, maybe, st.dictionaries(texts, numbers), evidence, st.integers(0)),
    answers,
    st.builds(Turn, texts, texts, usage, texts),
    st.builds(Turn, texts.map(lambda text: text + "long " * 2000)),
)


def read_back(result):
    stored = encode(result)
    return decode(stored.text, lambda _: stored.blob)


@given(results)
def test_every_result_reads_back_as_it_was(result):
    assert read_back(result) == result


@given(st.floats())
def test_numbers_keep_their_bits(number):
    read = read_back(Answer(number)).p_yes
    assert (number != number and read != read) or struct.pack("d", read) == struct.pack("d", number)


def test_pictures_and_long_texts_are_blobs_and_the_row_stays_small():
    turn = encode(Turn("word " * 10_000))
    assert turn.blob is not None
    assert len(turn.text) < 120
    assert encode(Turn("short")).blob is None
    assert encode(Picture(b"png", Recipe(Prompt("x"), 1), "m")).blob == b"png"
    assert shelve("x" * 100).blob is None


def test_a_number_type_of_a_model_is_stored_as_a_number():
    numpy = pytest.importorskip("numpy")
    score = Score("taste", numpy.float32(0.1), {"a": numpy.float32(0.2)})
    assert read_back(score) == Score("taste", float(numpy.float32(0.1)), {"a": float(numpy.float32(0.2))})


def test_a_setting_left_at_its_default_is_not_part_of_a_request():
    assert picture_request(Recipe(Prompt("x"), 3)) == {"prompt": "x", "seed": 3}
    assert picture_request(Recipe(Prompt("x"), 3, guidance=7)) == picture_request(Recipe(Prompt("x"), 3, guidance=7.0))


def test_results_are_readable_json():
    assert json.loads(encode(Failure("GenerationError", "no")).text) == {
        "type": "failure",
        "boundary": "GenerationError",
        "reason": "no",
    }
