"""What commands print, and where: one JSON object with --json, results on stdout, all else on stderr."""

import json
import re
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from limner import evolve
from limner.cli.evolve import show
from limner.graph import checkup
from limner.graph.session import Session
from limner.ledger import Ledger
from limner.pictures import inspect, read
from limner.testing import HashGenerator, ScorerFromFunction
from limner.tracing.report import summary_html
from limner.types import Interval

CHILD = Path(__file__).with_name("limner_child.py")
EVOLVE_KEYS = {"session", "stop_reason", "instruction", "lineage", "columns", "intervals", "spend", "report"}


@pytest.fixture
def session(limner, small):
    """A finished session, by its name."""
    return json.loads(limner("evolve", "a red circle", "a blue star", *small, "--json").out)["session"]


def one_object(result):
    assert result.code == 0
    assert len(result.out.splitlines()) == 1
    return json.loads(result.out)


def test_evolve_json(limner, small):
    result = limner("evolve", "a red circle", "a blue star", *small, "--json")
    row = one_object(result)
    assert row.keys() >= EVOLVE_KEYS
    assert row["stop_reason"] == "rounds"
    assert row["instruction"].keys() >= {"id", "text", "parent", "round", "reason"}
    assert row["lineage"][-1] == row["instruction"]
    assert [column["name"] for column in row["columns"]] == ["plain", "start", "professional", "evolved"]
    assert row["columns"][0]["reward"].keys() == {"mean", "low", "high"}
    assert row["spend"]["pictures"] > 0
    assert Path(row["report"]).is_file()
    assert json.loads((Path("runs") / row["session"] / "result.json").read_text()) == row


def test_evolve_is_told_how_to_load_its_image_model(limner, small):
    row = one_object(limner("evolve", "a red circle", *small, "--device", "cpu", "--dtype", "float32", "--json"))
    said = json.loads((Path("runs") / row["session"] / "session.json").read_text())["settings"]["generation"]
    assert (said["device"], said["dtype"], said["offload"]) == ("cpu", "float32", "none")


def test_evolve_says_what_it_found(limner, small):
    result = limner("evolve", "a red circle", "a blue star", *small)
    assert result.code == 0
    for part in ("plain request", "start instruction", "professional prompt", "evolved instruction", "Stopped: rounds"):
        assert part in result.out
    assert "report.html" in result.out
    assert "Note: With fewer than 12 queries" in " ".join(result.out.split())
    # piped, so plain lines and no bar
    lines = result.err.splitlines()
    assert lines[0].startswith("round 1/1: 1 survive, ")
    assert "compared on held-out requests" in lines[-1]
    assert "\x1b" not in result.err + result.out


def test_evolve_says_that_nothing_was_gained(limner, small):
    """The fake taste is a coin: no wording gains anything, and to find nothing is a result."""
    requests = [
        f"a {colour} {thing}" for colour in ("red", "blue", "pink") for thing in ("kite", "boat", "ring", "fox")
    ]
    result = limner("evolve", *requests, *small, "--held-out", 4)
    assert result.code == 0
    assert "No significant improvement" in result.out


@pytest.mark.parametrize(
    ("gain", "said"),
    [
        (Interval(-0.2, -0.3, -0.1), "The evolved instruction does worse than the start."),
        (Interval(0.1, -0.1, 0.3), "No significant improvement over the start."),
        (Interval(0.2, 0.1, 0.3), "The evolved instruction draws better pictures."),
    ],
)
def test_evolve_and_its_report_say_the_same(tmp_path, capsys, gain, said):
    taste = ScorerFromFunction(lambda query, picture: float(picture.sha256[0] > "7"))
    models = {"generator": HashGenerator(), "taste": taste, "questions": None, "professionals": 0}
    found = evolve(["a red circle"], **models, rounds=1, validation=2, held_out=2, out=tmp_path)
    lineage = (found.lineage[0], replace(found.lineage[0], text="Another."))
    certain = gain.low is not None and gain.low > 0
    result = replace(found, lineage=lineage, differences={"evolved_minus_start": gain}, significant=certain)
    show(result, json=False)
    assert said in " ".join(capsys.readouterr().out.split())
    assert said in summary_html(result)


def test_square_brackets_in_a_path_are_part_of_it(limner, small, tmp_path):
    folder = tmp_path / "runs[red]"
    assert f"Report: {folder}/" in limner("evolve", "a red circle", *small, "--out", folder).out


def test_quiet_prints_no_progress(limner, small):
    assert limner("evolve", "a red circle", *small, "--quiet").err == ""
    assert limner("draw", "a cat", "--generator", "fake", "--quiet").err == ""


def test_queries_from_a_file(limner, small, tmp_path):
    (tmp_path / "q.jsonl").write_text('{"prompt": "a red circle"}\n{"query": "a blue star"}\n', encoding="utf-8-sig")
    row = one_object(limner("evolve", "a pink ring", "--queries", "q.jsonl", *small, "--json"))
    record = json.loads((Path("runs") / row["session"] / "session.json").read_text())
    assert [query["text"] for query in record["queries"]["search"]] == ["a pink ring", "a red circle", "a blue star"]


def test_resume_by_name_and_by_directory(limner, session):
    first = one_object(limner("evolve", "--resume", session, "--json"))
    again = one_object(limner("evolve", "--resume", f"runs/{session}", "--json", "--quiet"))
    assert first["instruction"] == again["instruction"]
    assert first["spend"]["pictures"] == again["spend"]["pictures"]


def test_a_dry_run_calls_nothing_and_writes_nothing(limner, small, tmp_path, monkeypatch):
    monkeypatch.setattr("limner.graph.wiring.generator", None)
    arguments = ("evolve", "a red circle", "a blue star", *small, "--rounds", 3, "--dry-run")
    row = one_object(limner(*arguments, "--json"))
    assert row["total"] == row["search"] + row["validation"] + row["held_out"]
    assert row["search"] == 1 * 2 + 2 * 5 * 2
    assert "Nothing was called." in limner(*arguments).out
    assert not list(tmp_path.iterdir())


def test_a_run_draws_no_more_than_its_dry_run_said(limner, small):
    arguments = ("evolve", *(f"a {one} circle" for one in ["red", "blue", "pink"]), *small, "--rounds", 4)
    planned = one_object(limner(*arguments, "--dry-run", "--json"))
    assert one_object(limner(*arguments, "--json"))["spend"]["pictures"] <= planned["total"]


def test_draw(limner):
    row = one_object(limner("draw", "a cat", "a dog", "--generator", "fake", "--n", 2, "--grid", "--json"))
    assert row["failed"] == 0
    assert [Path(file).name for file in row["files"]] == ["0001.png", "0002.png", "0003.png", "0004.png", "grid.png"]
    assert all(Path(file).is_file() for file in row["files"])
    plain = limner("draw", "a cat", "--generator", "fake")
    assert [Path(line).is_file() for line in plain.out.splitlines()] == [True]


def test_drawn_pictures_remember_request_and_session(limner):
    row = one_object(limner("draw", "a tabby cat, soft light", "--generator", "fake", "--query", "a cat", "--json"))
    said = read(row["files"][0])
    assert (said.query, said.session, said.recipe.prompt.text) == ("a cat", row["session"], "a tabby cat, soft light")
    assert said.span


def test_a_sheet_has_a_row_for_each_prompt_and_says_what_its_first_picture_was(limner):
    row = one_object(limner("draw", "a cat", "a dog", "--generator", "fake", "--n", 3, "--seed", 5, "--grid", "--json"))
    sheet = Path(row["files"][-1])
    with Image.open(sheet) as image:
        assert image.width / image.height == pytest.approx(3 / 2, abs=0.02)
        assert min(image.size) > 200  # pictures of 32 pixels are enlarged
    made = inspect(sheet)
    assert (made.program, made.prompt, made.seed) == ("limner", "a cat", 5)


def test_write_by_session_by_id_and_by_file(limner, session):
    row = one_object(limner("write", "a red circle", "a blue star", "--instruction", session, "--json"))
    assert [prompt["query"] for prompt in row["prompts"]] == ["a red circle", "a blue star"]
    by_id = limner("write", "a red circle", "--instruction", row["instruction"])
    assert by_id.out.splitlines() == [row["prompts"][0]["prompt"]]
    limner("instructions", "export", session, "kept.json")
    assert limner("write", "a red circle", "--instruction", "kept.json").out == by_id.out


def test_instructions_travel_from_one_directory_to_another(limner, session):
    exported = one_object(limner("instructions", "export", session, "kept.json", "--json"))
    imported = one_object(limner("instructions", "import", "kept.json", "--out", "elsewhere", "--json"))
    assert imported["id"] == exported["id"]
    listed = one_object(limner("instructions", "list", "--out", "elsewhere", "--json"))["instructions"]
    assert [(row["from"], row["id"]) for row in listed] == [("imported", exported["id"])]
    here = one_object(limner("instructions", "list", "--json"))["instructions"]
    assert [row["from"] for row in here] == [session]
    assert exported["id"] in limner("instructions", "list").out
    assert "No instructions under nothing" in limner("instructions", "list", "--out", "nothing").out
    assert limner("write", "a red circle", "--instruction", exported["id"], "--out", "elsewhere").code == 0


def test_doctor_says_what_stands_in_the_way(limner, monkeypatch):
    monkeypatch.setattr(checkup, "_device", lambda: checkup.Check("device", "CPU"))
    monkeypatch.setattr(checkup, "_weights", lambda: [checkup.Check("embedded painter", "not there", ok=False)])
    result = limner("doctor", "--json")
    assert result.code == 1
    row = json.loads(result.out)
    assert row["ok"] is False
    assert {"python", "torch", "langgraph", "device", "sqlite", "embedded painter"} <= {
        one["name"] for one in row["checks"]
    }
    monkeypatch.setattr(checkup, "_weights", list)
    well = limner("doctor")
    assert well.code == 0
    assert all(line.startswith("ok") for line in well.out.splitlines())


def test_on_a_terminal_a_bar_in_colour_unless_no_color_is_set(limner, small, monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("FORCE_COLOR", "1")  # how rich is told to take a pipe for a terminal
    coloured = limner("evolve", "a red circle", *small).err
    monkeypatch.setenv("NO_COLOR", "1")
    plain = limner("evolve", "a red circle", *small).err
    colour = re.compile(r"\x1b\[[0-9;]*3[0-9;]*m")
    assert colour.search(coloured)
    assert not colour.search(plain)
    assert "compared on held-out requests" in plain


def test_ctrl_c_records_the_batch_at_hand_says_how_to_go_on_and_resumes(limner, small, tmp_path):
    command = [sys.executable, CHILD, "0.8", "evolve", "a red circle", "a blue star", *small, "--rounds", "6"]
    pipes = {"stderr": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    # A shell starts what it runs in the background with Ctrl-C ignored; whoever runs these tests may be there.
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, **pipes, cwd=tmp_path, preexec_fn=heard) as process:
        first = process.stderr.readline()
        assert first.startswith("round 1/6")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert "Traceback" not in err
    going_on = err.splitlines()[-1].partition("Go on with: limner ")[2].split()
    assert going_on[:2] == ["evolve", "--resume"]
    with Ledger.open(tmp_path / going_on[2], replay=True) as ledger:
        recorded = ledger.spend().pictures
    assert recorded >= 2
    result = limner(*going_on, "--json")
    assert one_object(result)["spend"]["pictures"] > recorded


def test_two_processes_on_one_session(limner, session):
    with Session.open(Path("runs") / session):
        result = limner("evolve", "--resume", session)
    assert (result.code, result.out) == (1, "")
    assert "Another process is working on the session" in result.err
