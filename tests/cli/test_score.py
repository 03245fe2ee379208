"""`limner score`: a line per picture, and what stands in the way of one."""

import json

import pytest
from PIL import Image

from limner.graph.scoring import score_pictures
from limner.ledger import Ledger
from limner.testing import ChatServer, ScorerFromFunction


@pytest.fixture
def files(limner, tmp_path):
    """Two pictures that say nothing, of which one is a JPEG, and one that is none."""
    Image.new("RGB", (20, 10), "red").save(tmp_path / "a.png")
    Image.new("CMYK", (10, 20)).save(tmp_path / "b.jpg")
    (tmp_path / "c.png").write_bytes(b"no picture")
    return limner


def lines(result):
    return [json.loads(line) for line in result.out.splitlines()]


def test_one_line_per_picture(files):
    result = files("score", "a.png", "b.jpg", "--query", "a cat", "--scorer", "fake")
    assert result.code == 0
    assert [line.split("  ")[0] for line in result.out.splitlines()] == ["a.png", "b.jpg"]
    assert "fake " in result.out
    assert "fake: 2/2" in result.err
    assert files("score", "a.png", "--query", "a cat", "--scorer", "fake", "--quiet").err == ""


def test_one_object_per_picture_and_unreadable_ones_named(files):
    result = files("score", "a.png", "c.png", "no.png", "--query", "a cat", "--scorer", "fake", "--json")
    assert result.code == 1
    rows = lines(result)
    assert [row["file"] for row in rows] == ["a.png", "c.png", "no.png"]
    assert rows[0].keys() == {"file", "query", "scores", "combined", "front", "truncated", "error", "session"}
    assert rows[0]["scores"].keys() == {"fake"}
    assert rows[0]["error"] is None
    assert rows[1]["scores"] == {}
    assert "c.png" in result.err
    assert "Skipped no.png" in result.err


def test_several_scorers_weights_and_fronts(files):
    chosen = ("--scorer", "fake", "--scorer", "fake2", "--query", "a cat")
    result = files("score", "a.png", "b.jpg", *chosen, "--weight", "fake=2", "--weight", "fake2=1", "--pareto")
    assert result.code == 0
    assert all(part in result.out for part in ("fake ", "fake2 ", "combined ", "front 1"))
    assert files("score", "a.png", *chosen, "--weight", "fake").code == 2
    assert "no such scorer" in files("score", "a.png", *chosen, "--weight", "other=1").err
    assert "named twice" in files("score", "a.png", "--query", "x", "--scorer", "fake", "--scorer", "fake").err


def test_the_request_of_the_picture_itself(limner):
    (file,) = limner("draw", "a red kite", "--generator", "fake").out.splitlines()
    missing = limner("score", file, "--scorer", "fake")
    assert missing.code == 2
    assert "does not say for which request" in missing.err
    from limner import pictures
    from limner.types import Picture

    said = pictures.read(file)
    with open(file, "rb") as stream:
        picture = Picture(stream.read(), said.recipe, said.model)
    pictures.save(picture, "told.png", query="a kite")
    (row,) = lines(limner("score", "told.png", "--scorer", "fake", "--json"))
    assert row["query"] == "a kite"


def test_the_embedded_taste_does_not_judge_other_pictures_unasked(files):
    result = files("score", "a.png", "--query", "a cat")
    assert result.code == 2
    assert "knows the embedded world" in result.err


def test_scores_pass_the_ledger(files, tmp_path):
    (row,) = lines(files("score", "a.png", "--query", "a cat", "--scorer", "fake", "--json"))
    with Ledger.open(tmp_path / "runs" / row["session"]) as ledger:
        assert ledger.spend().scores == 1


def test_from_python_with_ones_own_scorer(tmp_path):
    narrow = ScorerFromFunction(lambda query, picture: -float(picture.image().width), "narrow")
    images = [Image.new("RGB", (8, 8)), Image.new("RGB", (4, 8))]
    wide, thin = score_pictures(images, ["a cat", "a cat"], scorers=narrow, out=tmp_path)
    assert (wide.front, thin.front) == (2, 1)
    assert thin.combined > wide.combined
    assert thin.complete
    assert thin.values == {"narrow": -4.0}


def test_questions_are_asked_by_rule(limner, tmp_path):
    Image.new("RGB", (32, 32), "red").save(tmp_path / "a.png")
    result = limner("score", "a.png", "--query", "a red circle", "--scorer", "questions:microworld", "--json")
    (row,) = lines(result)
    assert -1 <= row["scores"]["questions:microworld"] <= 1


def test_questions_are_asked_of_an_endpoint_and_charged(limner, tmp_path):
    """A served vision model says yes to what names a circle; each answer is a call that the ledger counts."""
    Image.new("RGB", (32, 32), "red").save(tmp_path / "a.png")

    def reply(body):
        return "Yes." if "circle" in json.dumps(body["messages"]) else "No."

    (tmp_path / "limner.toml").write_text("[prices.sees]\ninput = 0.0\noutput = 0.0\n")
    with ChatServer(reply) as server:
        asked = ("--scorer", "questions:openai:sees", "--base-url", server.base_url, "--json")
        (row,) = lines(limner("score", "a.png", "--query", "a circle and a square", *asked))
        served = server.calls
    assert row["error"] is None
    assert -1 < row["scores"]["questions:openai:sees"] < 1
    with Ledger.open(tmp_path / "runs" / row["session"]) as ledger:
        assert ledger.spend().model_calls == served


def test_a_request_that_was_cut_is_told(limner, tmp_path):
    Image.new("RGB", (32, 32), "red").save(tmp_path / "a.png")
    result = limner("score", "a.png", "--query", "a red circle " * 60, "--scorer", "microworld")
    assert result.code == 0
    assert "were cut" in result.err


def test_doctor_says_which_scorers_are_there(limner):
    checks = {row["name"]: row for row in json.loads(limner("doctor", "--json").out)["checks"]}
    assert {"scorer hps:v2", "scorer hps:v2.1", "scorer pickscore:v1"} <= checks.keys()
    assert checks["scorer hps:v2.1"]["ok"]
    assert checks["scorer hps:v2.1"]["found"].startswith(("in the hub's cache", "not fetched yet"))
