from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from limner.prompt_db import PromptDatabase, PromptRecord

text = st.text(st.characters(codec="utf-8"), min_size=1).filter(str.strip)
records = st.builds(
    PromptRecord,
    prompt=text,
    negative_prompt=st.just("") | text,
    query=st.none() | text,
    seed=st.none() | st.integers(0, 2**63 - 1),
    cfg_scale=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    loras=st.dictionaries(text, st.floats(-2, 2)),
    created_at=st.none() | st.datetimes(),
    extra=st.dictionaries(text, st.none() | st.booleans() | st.integers() | text | st.lists(text)),
)


@given(records)
def test_a_stored_record_comes_back_as_it_was(record: PromptRecord) -> None:
    with PromptDatabase.memory() as database:
        database.add([record.model_copy(update={"prompt": f"needle {record.prompt}"})])
        (found,) = database.search("needle")
        assert found.prompt.removeprefix("needle ") == record.prompt
        assert found.model_copy(update={"prompt": record.prompt}) == record


@given(records)
def test_the_id_follows_from_the_content_alone(record: PromptRecord) -> None:
    shuffled = dict(reversed(json.loads(record.model_dump_json()).items()))
    assert PromptRecord.model_validate(shuffled).id == record.id
    assert PromptRecord.model_validate({**shuffled, "negative_prompt": record.negative_prompt + "!"}).id != record.id


def test_ids_are_pinned_because_databases_hold_them() -> None:
    record = PromptRecord(prompt="a castle", query="castle", steps=20)
    assert record.id == "p-d9490f853a03c9de971ac866"


def test_unknown_keys_are_kept() -> None:
    record = PromptRecord.model_validate({"prompt": "a castle", "challenge": "fine detail", "extra": {"rank": 3}})
    assert record.extra == {"challenge": "fine detail", "rank": 3}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prompt", " \n"),
        ("prompt", "lone \ud800"),
        ("seed", -1),
        ("seed", 2**63),
        ("cfg_scale", math.inf),
        ("extra", {"a": math.nan}),
        ("extra", "words"),
        ("created_at", "yesterday"),
    ],
)
def test_what_cannot_be_stored_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        PromptRecord.model_validate({"prompt": "a castle", "other": 1, field: value})
