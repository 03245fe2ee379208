import errno
import os
import sqlite3
from pathlib import Path

import pytest

from limner.errors import CorruptSession, MissingBlob, SessionBusy, SessionError, StorageError
from limner.ledger import Ledger, recorded, schema
from limner.testing import HashGenerator
from limner.types import Terms


def change(folder: Path, statement: str) -> None:
    with sqlite3.connect(folder / "ledger.sqlite") as db:
        db.execute(statement)
    db.close()


@pytest.fixture
def full_disk(monkeypatch):
    """A disk that can be full: every flush of a blob fails while it is."""
    state = {"full": False}
    flush = os.fsync

    def fsync(handle):
        if state["full"]:
            raise OSError(errno.ENOSPC, "No space left on device")
        flush(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    return state


@pytest.mark.parametrize("local", [True, False])
def test_a_full_disk_for_blobs_records_nothing_by_halves(tmp_path, recipes, full_disk, local):
    model = HashGenerator(terms=Terms(local=local, batch=4))
    with Ledger.open(tmp_path) as ledger:
        generator = recorded(model, ledger)
        before = generator.generate(recipes(4))
        full_disk["full"] = True
        with pytest.raises(StorageError, match="No space left"):
            generator.generate(recipes(8))
        assert generator.generate(recipes(4)) == before
        full_disk["full"] = False
        assert len(generator.generate(recipes(8))) == 8
        # what a remote model had delivered is paid for, though it could not be kept
        assert ledger.spend().pictures == (8 if local else 12)
        assert ledger.spend().unknown_outcome == (0 if local else 4)
    assert not list((tmp_path / "blobs").glob(".*"))


def test_a_full_database_is_a_storage_error_and_stays_readable(tmp_path, recipes, monkeypatch):
    """A real full SQLite file: its number of pages is limited."""
    connect = sqlite3.connect

    def small(*arguments, **options):
        db = connect(*arguments, **options)
        db.execute("PRAGMA max_page_count = 40")
        return db

    monkeypatch.setattr(sqlite3, "connect", small)
    model = HashGenerator(terms=Terms(batch=4))
    with Ledger.open(tmp_path) as ledger:
        generator = recorded(model, ledger)
        with pytest.raises(StorageError, match="full"):
            generator.generate(recipes(400))
        paid = ledger.spend().pictures
        assert paid > 0
        assert len(generator.generate(recipes(paid))) == paid
    calls = model.log.calls
    monkeypatch.undo()
    with Ledger.open(tmp_path) as ledger:
        assert len(recorded(model, ledger).generate(recipes(paid + 4))) == paid + 4
        assert ledger.spend().pictures == paid + 4
    assert model.log.calls == calls + 1


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="check its permissions"):
        Ledger.open(tmp_path / "file" / "session")


def test_a_missing_blob_is_named(tmp_path, recipes):
    with Ledger.open(tmp_path) as ledger:
        generator = recorded(HashGenerator(), ledger)
        (picture,) = generator.generate(recipes(1))
        path = tmp_path / "blobs" / picture.sha256
        path.unlink()
        for read in (lambda: ledger.picture(picture.sha256), lambda: generator.generate(recipes(1))):
            with pytest.raises(MissingBlob, match=str(path)):
                read()


def test_a_changed_blob_is_never_used(tmp_path, recipes):
    with Ledger.open(tmp_path) as ledger:
        (picture,) = recorded(HashGenerator(), ledger).generate(recipes(1))
        path = tmp_path / "blobs" / picture.sha256
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        with pytest.raises(MissingBlob, match="have changed"):
            ledger.picture(picture.sha256)


def test_a_picture_of_another_session_is_missing(tmp_path):
    with Ledger.open(tmp_path) as ledger, pytest.raises(MissingBlob, match="no picture"):
        ledger.picture("0" * 64)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE calls SET result = replace(result, 'hash', 'cash')",
        "UPDATE calls SET result = substr(result, 1, 20)",
        "UPDATE calls SET result = NULL",
        "UPDATE calls SET pictures = 0",
    ],
)
def test_a_corrupt_row_is_named_with_what_to_do(tmp_path, recipes, damage):
    with Ledger.open(tmp_path) as ledger:
        recorded(HashGenerator(), ledger).generate(recipes(1))
    change(tmp_path, damage)
    model = HashGenerator()
    refused = pytest.raises(CorruptSession, match=r"recorded call (\w{64}).* does not match its checksum")
    with Ledger.open(tmp_path) as ledger, refused as error:
        recorded(model, ledger).generate(recipes(1))
    assert model.log.calls == 0
    advice = str(error.value)
    change(tmp_path, advice[advice.index("DELETE") : advice.index(") to have")])
    with Ledger.open(tmp_path) as ledger:
        recorded(model, ledger).generate(recipes(1))
    assert model.log.calls == 1


def test_a_file_that_is_no_database_is_corrupt(tmp_path):
    (tmp_path / "ledger.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(CorruptSession, match="does not read as a database"):
        Ledger.open(tmp_path)


def test_a_ledger_of_a_newer_version_is_left_alone(tmp_path):
    Ledger.open(tmp_path).close()
    change(tmp_path, "PRAGMA user_version = 99")
    with pytest.raises(SessionError, match=r"version 99.*update Limner"):
        Ledger.open(tmp_path)


def test_an_interrupted_migration_is_done_again(tmp_path, monkeypatch, recipes):
    """A migration and its record are one transaction."""
    with Ledger.open(tmp_path) as ledger:
        recorded(HashGenerator(), ledger).generate(recipes(1))
    first = schema.MIGRATIONS
    bad = "ALTER TABLE calls ADD COLUMN note TEXT;\nSELECT no_such_function();\n"
    monkeypatch.setattr(schema, "MIGRATIONS", (*first, bad))
    with pytest.raises(CorruptSession, match="no_such_function"):
        Ledger.open(tmp_path)
    monkeypatch.setattr(schema, "MIGRATIONS", (*first, bad.split("\n")[0]))
    with Ledger.open(tmp_path) as ledger:
        assert ledger.spend().pictures == 1


def test_a_ledger_locked_by_another_process_is_busy(tmp_path, monkeypatch, recipes):
    monkeypatch.setattr(schema, "BUSY_S", 0.05)
    with Ledger.open(tmp_path) as ledger:
        other = sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(SessionBusy, match="locked"):
            recorded(HashGenerator(), ledger).generate(recipes(1))
        other.execute("ROLLBACK")
        other.close()


def test_what_killed_processes_left_half_written_is_cleared_in_time(tmp_path):
    Ledger.open(tmp_path).close()
    old, new = tmp_path / "blobs" / ".old.part", tmp_path / "blobs" / ".new.part"
    old.touch()
    new.touch()
    os.utime(old, (0, 0))
    Ledger.open(tmp_path).close()
    assert (old.exists(), new.exists()) == (False, True)


def test_closing_twice_is_closing(tmp_path):
    ledger = Ledger.open(tmp_path)
    ledger.close()
    ledger.close()


def test_every_recorded_picture_is_listed_and_no_failure(tmp_path, recipes):
    model = HashGenerator(terms=Terms(batch=4), failing=[1])
    with Ledger.open(tmp_path) as ledger:
        assert ledger.pictures() == []
        drawn = recorded(model, ledger).generate(recipes(6))
        recorded(model, ledger).generate(recipes(3))
    with Ledger.open(tmp_path, replay=True) as ledger:
        assert ledger.pictures() == [drawn[0], *drawn[2:]]
