from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.errors import StorageError, UsageError
from limner.prompt_db import PromptDatabase, PromptRecord
from limner.types import Prompt, Query

CASTLE = PromptRecord(prompt="An old castle on a cliff, golden hour, detailed stone", query="a castle", source="tests")
HARBOUR = PromptRecord(prompt="Fishing boats in a quiet harbour at dawn, soft mist", negative_prompt="castle, blurry")
CIRCLE = PromptRecord(
    prompt="A small red circle at the top left; clean drawing", query="small red circle", license="CC0-1.0"
)
SQUARE = PromptRecord(
    prompt="A small red square at the top left; clean drawing", query="small red square", license="CC0-1.0"
)


@pytest.fixture
def database() -> PromptDatabase:
    memory = PromptDatabase.memory()
    memory.add([CASTLE, HARBOUR, CIRCLE, SQUARE])
    return memory


def test_a_prompt_is_stored_once(database: PromptDatabase) -> None:
    assert database.add([CASTLE, CIRCLE, CASTLE.model_copy(update={"query": "a fortress"})]) == 1
    counts = database.counts()
    assert (counts.prompts, counts.queries) == (5, 4)
    assert counts.sources == {None: 3, "tests": 2}
    assert counts.licenses == {None: 3, "CC0-1.0": 2}


def test_adding_is_all_or_none(database: PromptDatabase) -> None:
    def broken() -> Iterator[PromptRecord]:
        yield PromptRecord(prompt="a lighthouse")
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="the source broke"):
        database.add(broken())
    assert database.search("lighthouse") == []
    assert database.add([PromptRecord(prompt="a lighthouse")]) == 1


def test_search_wants_every_word_stems_them_and_ignores_accents(database: PromptDatabase) -> None:
    assert database.search("boat HÀRBOUR") == [HARBOUR]
    assert database.search("red circles") == [CIRCLE]
    assert database.search("red castle") == []
    assert database.search("castle") == [CASTLE], "a negative prompt names what is not wanted"
    assert database.search("small red", limit=1)[0] in (CIRCLE, SQUARE)


@pytest.mark.parametrize("word", ["Schloß", "CAFÉS", "cafe\u0301s", "ÅNGSTRÖM", "дома", "城堡"])
def test_words_of_any_script_find_themselves(word: str) -> None:
    with PromptDatabase.memory() as database:
        database.add([PromptRecord(prompt=f"one {word}, at dawn")])
        assert database.professional_for(Query.of(word)) == [Prompt(f"one {word}, at dawn")]
        assert database.professional_for(Query.of(word.upper() if word != "Schloß" else word))


def test_nearer_prompts_come_first(database: PromptDatabase) -> None:
    database.add([PromptRecord(prompt="castle " + "and many other words " * 20), PromptRecord(prompt="castle castle")])
    assert database.search("castle")[0].prompt == "castle castle"


@given(
    st.text(max_size=60)
    | st.sampled_from(['"', "a* OR b", "NEAR(x y)", "prompt: -x", "^a", "'; DROP TABLE prompt", "\0"])
)
def test_no_text_is_an_operator(text: str) -> None:
    with PromptDatabase.memory() as database:
        database.add([CASTLE])
        assert database.search(text) in ([], [CASTLE])
        assert database.professional_for(Query.of(text)) in ([], [CASTLE.as_prompt()])


def test_a_very_long_text_is_searched_quickly(database: PromptDatabase) -> None:
    text = "castle " + " ".join(f"word{number}" for number in range(10_000))
    assert database.search(text) == []
    assert database.professional_for(Query.of(text)) == []


def test_answers_to_the_very_request_come_first_in_their_order(database: PromptDatabase) -> None:
    answers = [PromptRecord(prompt=f"castle number {number}", query="A  castle ") for number in range(3)]
    database.add(answers)
    expected = [CASTLE.as_prompt(), *(answer.as_prompt() for answer in answers)]
    assert database.professional_for(Query.of("a castle")) == expected
    assert database.professional_for(Query.of("a castle"), limit=2) == expected[:2]


def test_the_same_words_from_two_sources_are_one_prompt(database: PromptDatabase) -> None:
    database.add([CASTLE.model_copy(update={"source": "elsewhere"})])
    assert database.professional_for(Query.of("a castle")) == [CASTLE.as_prompt()]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("please draw me small red circles", [CIRCLE]),
        ("small red triangle", []),
        ("quiet boats, harbour, seagulls", [HARBOUR]),
        ("quiet boats under seagulls and clouds", []),
        ("small red circle top left clean", [CIRCLE, SQUARE]),
        ("a picture of the", []),
        ("a dragon", []),
    ],
)
def test_a_prompt_about_something_else_is_not_returned(
    database: PromptDatabase, query: str, expected: list[PromptRecord]
) -> None:
    found: list[Prompt] = database.professional_for(Query.of(query))
    assert found == [record.as_prompt() for record in expected]


def test_a_file_keeps_what_was_added(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "prompts.sqlite"
    with PromptDatabase.open(path) as database:
        database.add([CASTLE])
    with PromptDatabase.open(path) as database:
        assert database.search("castle") == [CASTLE]
        assert sqlite3.connect(path).execute("PRAGMA journal_mode").fetchone() == ("wal",)
    database.close()


def test_several_may_open_one_new_file_at_once(tmp_path: Path) -> None:
    path, failures = tmp_path / "prompts.sqlite", []

    def fill(worker: int) -> None:
        try:
            with PromptDatabase.open(path) as database:
                for number in range(10):
                    database.add([PromptRecord(prompt=f"castle {worker} {number}")])
        except StorageError as error:
            failures.append(error)

    threads = [threading.Thread(target=fill, args=(worker,)) for worker in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    with PromptDatabase.open(path) as database:
        assert database.counts().prompts == 60


def test_one_database_serves_several_threads(database: PromptDatabase) -> None:
    def work(worker: int) -> None:
        database.add(PromptRecord(prompt=f"lighthouse {worker} {number}") for number in range(50))
        database.professional_for(Query.of("lighthouse"))

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(database.search("lighthouse", limit=1000)) == 200


def test_other_files_are_refused_and_left_alone(tmp_path: Path) -> None:
    prose = tmp_path / "prose.txt"
    prose.write_text("This is not a database. " * 100)
    with pytest.raises(UsageError, match=r"prose\.txt is not a prompt database"):
        PromptDatabase.open(prose)
    foreign = tmp_path / "foreign.sqlite"
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE prompt (text)")
    before = foreign.read_bytes()
    with pytest.raises(UsageError, match=r"foreign\.sqlite is a SQLite file of another program"):
        PromptDatabase.open(foreign)
    assert foreign.read_bytes() == before
    connection.close()


def test_a_newer_database_asks_for_a_newer_limner(tmp_path: Path) -> None:
    path = tmp_path / "prompts.sqlite"
    PromptDatabase.open(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO migration VALUES ('999-later', '2030-01-01')")
    connection.close()
    with pytest.raises(UsageError, match=r"999-later.*update Limner"):
        PromptDatabase.open(path)


def test_a_folder_in_the_way_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="unable to open"):
        PromptDatabase.open(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot make the folder"):
        PromptDatabase.open(tmp_path / "file" / "prompts.sqlite")


def test_a_full_disk_loses_nothing_that_was_stored(tmp_path: Path) -> None:
    path = tmp_path / "prompts.sqlite"
    with PromptDatabase.open(path) as database:
        database.add([CASTLE])
        database._connection.execute("PRAGMA max_page_count = 40")
        with pytest.raises(StorageError, match=r"prompts\.sqlite.*full.*check free space"):
            database.add(PromptRecord(prompt=f"lighthouse {number} " * 50) for number in range(1000))
        assert database.search("castle") == [CASTLE]
        assert database.search("lighthouse") == []


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(database: PromptDatabase, limit: int) -> None:
    with pytest.raises(ValueError, match=f"{limit} prompts"):
        database.search("castle", limit)
    with pytest.raises(ValueError, match=f"{limit} prompts"):
        database.professional_for(Query.of("castle"), limit)


def test_a_thousand_prompts_load_fast(tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    lines = (
        {"prompt": f"{CIRCLE.prompt}, variant {n}", "query": f"request {n // 5}", "license": "CC0-1.0"}
        for n in range(1000)
    )
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    start = time.process_time()
    database = PromptDatabase.memory([path])
    assert time.process_time() - start < 0.3
    assert database.counts().prompts == 1000
    assert len(database.professional_for(Query.of("request 7"))) == 5
