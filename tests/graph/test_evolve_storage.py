"""What a session does when its disk is full or its files were damaged: nothing is lost, and it says what to do."""

import errno
import os
import sqlite3

import ormsgpack
import pytest
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from limner.errors import CorruptSession, MissingBlob, StorageError
from limner.graph.checkpoints import CHECKPOINTS


class Stop(RuntimeError):
    """Ends a run in the middle."""


@pytest.fixture
def halted(world):
    """A session that stopped in its second round; its directory."""

    def progress(step):
        if (step.event, step.node, step.round) == ("ended", "draw", 2):
            raise Stop

    with pytest.raises(Stop):
        world.evolve(session="s", progress=progress)
    return world.out / "s"


def change(database, statement, *values):
    with sqlite3.connect(database) as db:
        changed = db.execute(statement, values).rowcount
    db.close()
    return changed


def overwrite(session):
    (session / CHECKPOINTS).write_bytes(b"this is no database" * 1000)


def damage_page(session):
    path = session / CHECKPOINTS
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + os.urandom(len(whole) - 4096))


def damage_row(session):
    assert change(session / CHECKPOINTS, "UPDATE checkpoints SET checkpoint = x'c1c1c1'")


@pytest.mark.parametrize("damage", [overwrite, damage_page, damage_row])
def test_a_corrupt_checkpoint_is_named_and_may_be_deleted(world, another, halted, said, damage):
    damage(halted)
    with pytest.raises(CorruptSession, match=r"checkpoints\.sqlite do not read back.*Delete that file and resume"):
        world.resume("s")
    (halted / CHECKPOINTS).unlink()
    drawn, scored = world.generator.log.items, world.taste.log.items
    result = world.resume("s")
    assert said(result) == said(another().evolve())
    assert world.repeated() == 0
    assert not set(world.generator.log.items[len(drawn) :]) & set(drawn)
    assert [pair for pair in world.taste.log.items[len(scored) :] if pair in scored] == []


def test_a_lost_checkpoint_of_a_finished_session_costs_nothing(world, said):
    result = world.evolve(session="s")
    (result.folder / CHECKPOINTS).unlink()
    calls = world.generator.log.calls, world.taste.log.calls
    assert said(world.resume("s")) == said(result)
    assert (world.generator.log.calls, world.taste.log.calls) == calls


def test_an_object_in_a_checkpoint_is_not_rebuilt(world, halted, monkeypatch):
    """The file may come from anywhere: what it names is not called, though LangGraph's default would call it."""
    called = []
    monkeypatch.setattr(os, "getpgid", called.append)
    evil = ormsgpack.packb(ormsgpack.Ext(0, ormsgpack.packb(("os", "getpgid", 7))))
    assert JsonPlusSerializer(allowed_msgpack_modules=[("os", "getpgid")]).loads_typed(("msgpack", evil)) is None
    assert called == [7]
    assert change(halted / CHECKPOINTS, "UPDATE checkpoints SET type = 'msgpack', checkpoint = ?", evil)
    with pytest.raises(CorruptSession):
        world.resume("s")
    assert called == [7]


def test_a_corrupt_row_of_the_ledger(world, halted):
    (halted / CHECKPOINTS).unlink()
    assert change(halted / "ledger.sqlite", "UPDATE calls SET result = '{}' WHERE kind = 'picture'")
    with pytest.raises(CorruptSession, match=r"does not match its checksum; restore the file from a copy, or delete"):
        world.resume("s")


def test_after_deleting_the_corrupt_row_only_that_call_is_paid_again(world, another, halted, said):
    (halted / CHECKPOINTS).unlink()
    where = "id = (SELECT MIN(id) FROM calls WHERE kind = 'picture')"
    assert change(halted / "ledger.sqlite", f"UPDATE calls SET result = '{{}}' WHERE {where}") == 1
    with pytest.raises(CorruptSession):
        world.resume("s")
    assert change(halted / "ledger.sqlite", f"DELETE FROM calls WHERE {where}") == 1
    result = world.resume("s")
    assert said(result)["instruction"] == said(another().evolve())["instruction"]
    assert world.repeated() == 1


def test_a_missing_blob(world, halted):
    (halted / CHECKPOINTS).unlink()
    for blob in (halted / "blobs").iterdir():
        blob.unlink()
    with pytest.raises(MissingBlob, match="restore the file from a copy of the session, or start a new session"):
        world.resume("s")


def test_a_ledger_that_is_no_database(world, halted):
    for name in ("ledger.sqlite-wal", "ledger.sqlite-shm"):
        (halted / name).unlink(missing_ok=True)
    (halted / "ledger.sqlite").write_bytes(b"no database " * 1000)
    with pytest.raises(CorruptSession, match="does not read as a database"):
        world.resume("s")


@pytest.mark.parametrize("text", ["{", "[]", '{"settings": {}}'])
def test_a_session_record_that_does_not_read_back(world, halted, text):
    (halted / "session.json").write_text(text)
    with pytest.raises(CorruptSession, match=r"session\.json .*Begin a new session"):
        world.resume("s")


def test_a_full_disk_for_blobs_stops_the_run_and_a_resume_goes_on(world, another, said, monkeypatch):
    flush, state = os.fsync, {"full": False}

    def fsync(handle):
        if state["full"]:
            raise OSError(errno.ENOSPC, "No space left on device")
        flush(handle)

    def progress(step):
        state["full"] = (step.event, step.node, step.round) == ("started", "draw", 2) or state["full"]

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(StorageError, match="No space left on device"):
        world.evolve(session="s", progress=progress)
    state["full"] = False
    assert said(world.resume("s")) == said(another().evolve())


@pytest.mark.parametrize(("database", "pages"), [("ledger.sqlite", 18), (CHECKPOINTS, 10)])
def test_a_full_disk_for_a_database_stops_the_run_and_a_resume_goes_on(
    world, another, said, monkeypatch, database, pages
):
    """A real full SQLite file: its number of pages is limited."""
    connect = sqlite3.connect

    def small(path, *arguments, **options):
        db = connect(path, *arguments, **options)
        if database in str(path):
            db.execute(f"PRAGMA max_page_count = {pages}")
        return db

    with monkeypatch.context() as patched:
        patched.setattr(sqlite3, "connect", small)
        with pytest.raises(StorageError, match=rf"[Tt]he disk refused to store in .*{database}.* resume"):
            world.evolve(session="s")
    assert said(world.resume("s")) == said(another().evolve())


def test_a_directory_that_cannot_be_made(world):
    world.out.parent.mkdir(exist_ok=True)
    world.out.write_text("a file stands here")
    with pytest.raises(StorageError, match=r"cannot be made.*Choose another with --out"):
        world.evolve()
