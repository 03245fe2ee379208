import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limner.llm.extract import json_objects

WANTED = {"text": 'a {red} circle, "crisp"', "parts": [1, 2], "deep": {"a": None}}
SAID = json.dumps(WANTED)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.text(), values, max_size=4)


@pytest.mark.parametrize(
    "text",
    [
        SAID,
        f"```json\n{SAID}\n```",
        f"```\n{SAID}```",
        f"Sure! Here it is:\n\n{SAID}\n\nTell me if you need more.",
        f'<think>maybe {{"text": "no"}}?</think>{SAID}',
        f'maybe {{"text": "no"}} hmm </think>\n{SAID}',
        f"Let me think {{ about it.\n{SAID}",
        SAID.replace("2]", "2,\n ]").replace("null}}", "null,},}"),
        f"[{SAID}]",
    ],
)
def test_the_object_is_found(text):
    assert list(json_objects(text)) == [WANTED]


def test_thinking_after_the_answer_leaves_the_answer():
    assert list(json_objects(f"{SAID}<think>was that {{}} right?</think>")) == [WANTED]


@pytest.mark.parametrize(
    "text", ["{" * 400_000, "<think>" * 60_000, '{"a":' * 20_000 + "1" + "}" * 20_000, '"' * 400_000, "{}," * 100_000]
)
def test_no_text_takes_long_to_read(text):
    began = time.process_time()
    assert all(found == {} for found in json_objects(text))
    assert time.process_time() - began < 3


def test_what_is_no_text_and_no_number_is_no_json():
    assert list(json_objects('{"a": "\\ud800"} {"a": NaN} {"a": 1}')) == [{"a": 1}]


def test_all_outermost_objects_come_in_order():
    assert list(json_objects('first {"a": {"b": 1}} then {"c": 2}')) == [{"a": {"b": 1}}, {"c": 2}]


def test_line_breaks_in_strings_are_kept():
    assert list(json_objects('{"a": "one\ntwo"}')) == [{"a": "one\ntwo"}]


def test_commas_and_braces_in_strings_are_text():
    assert list(json_objects('{"a": "x, ]", "b": "}{,}",}')) == [{"a": "x, ]", "b": "}{,}"}]


@pytest.mark.parametrize("text", ["", "no", "{", "}{", "{'a': 1}", '{"a": ', "null", "[1, 2]", '"{"', "{" * 20_000])
def test_where_there_is_none_nothing_is_made_up(text):
    assert list(json_objects(text)) == []


@settings(deadline=None)
@given(objects, st.text("abc .,\n`"), st.text("abc .,\n`"))
def test_any_object_survives_prose_around_it(value, before, after):
    assert list(json_objects(before + json.dumps(value) + after)) == [value]


@settings(deadline=None)
@given(st.text())
def test_any_text_is_read_without_error(text):
    assert all(isinstance(found, dict) for found in json_objects(text))
