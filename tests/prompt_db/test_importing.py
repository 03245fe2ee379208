from __future__ import annotations

from pathlib import Path

import pytest

from limner.errors import UsageError
from limner.prompt_db import ImportReport, PromptDatabase
from limner.types import Prompt, Query

LINES = b"""\xef\xbb\xbf{"prompt": "a castle", "query": "castle", "stars": 5}

{"prompt": "a harbour"
{"prompt": "a castle", "query": "castle", "stars": 5}
{"query": "no prompt"}
["prompt", "a list"]
{"prompt": "not \xff unicode"}
{"prompt": "a lone \\ud800"}
{"prompt": "a number", "seed": NaN}
{"prompt": "ein Schlo\xc3\x9f", "width": 512}"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "prompts.jsonl"
    file.write_bytes(LINES)
    return file


def test_bad_lines_are_named_and_the_rest_is_stored(path: Path) -> None:
    with PromptDatabase.memory() as database:
        report = database.import_jsonl(path)
        assert (report.added, report.known) == (2, 1)
        assert [line for line, _ in report.rejected] == [3, 5, 6, 7, 8, 9]
        reasons = dict(report.rejected)
        assert reasons[5] == "prompt: Field required"
        assert "seed" in reasons[9]
        assert database.professional_for(Query.of("Schloß")) == [Prompt("ein Schloß")]
        assert database.search("castle")[0].extra == {"stars": 5}


def test_importing_again_stores_nothing_new(path: Path) -> None:
    with PromptDatabase.memory() as database:
        first, second = database.import_jsonl(path), database.import_jsonl(path)
        assert second == ImportReport(path, added=0, known=3, rejected=first.rejected)
        assert database.counts().prompts == 2


def test_a_seed_with_a_bad_line_is_refused_by_name(path: Path) -> None:
    with pytest.raises(UsageError, match=r"line 3 of .*prompts\.jsonl is no prompt"):
        PromptDatabase.memory([path])


@pytest.mark.parametrize("name", ["missing.jsonl", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with PromptDatabase.memory() as database, pytest.raises(UsageError, match="cannot read prompts from"):
        database.import_jsonl(tmp_path / name)
