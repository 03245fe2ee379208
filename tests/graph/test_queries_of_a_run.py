"""The requests of a run: what is no request is refused, whatever else it is, and said."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.errors import QueryError
from limner.graph.deps import QuerySets
from limner.graph.queries import LONGEST, checked, read_queries, tidied
from limner.graph.wiring import query_sets
from limner.settings import load
from limner.types import Query


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ("a red fox", "The queries are one text, 'a red fox'. Give a list"),
        (["a fox", None], "Query 2 is no text: None"),
        ([b"a fox"], "Query 1 is no text: b'a fox'"),
        (["a fox \udcff"], r"Query 1 is no Unicode text: 'a fox \\udcff'. Give it in UTF-8"),
    ],
)
def test_what_is_no_request_is_refused(texts, said):
    with pytest.raises(QueryError, match=said):
        checked(texts)


@given(st.lists(st.text(max_size=60).filter(tidied), min_size=1, max_size=8))
def test_every_text_of_unicode_is_a_request_and_counts_once(texts):
    assert [query.text for query in checked(texts)] == list(dict.fromkeys(map(tidied, texts)))


@given(st.text(min_size=1, max_size=LONGEST // 10))
def test_a_line_of_json_is_one_request_whatever_it_holds(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("requests") / "requests.jsonl"
    path.write_text(json.dumps({"query": text}, ensure_ascii=False), encoding="utf-8")
    assert read_queries(path) == [text]


def test_sets_without_anything_to_search_on_are_refused():
    held_out = (Query.of("a fox"),)
    with pytest.raises(QueryError, match="no queries to search on"):
        query_sets(load(), QuerySets((), held_out, held_out))
