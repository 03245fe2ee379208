"""A run on a benchmark's list: its requests, judged by its own questions, also when it is resumed."""

import json

import pytest

import limner
from limner.cli.main import main
from limner.errors import UsageError
from limner.graph.options import prepare
from limner.testing import HashGenerator, ScorerFromFunction, VisionFromFunction

ROWS = [
    {"tag": "colors", "include": [{"class": thing, "count": 1, "color": colour}], "prompt": f"a {colour} {thing}"}
    for thing in ("kite", "boat", "lamp", "fox")
    for colour in ("red", "blue", "pink")
]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "evaluation_metadata.jsonl"
    path.write_text("\n".join(map(json.dumps, ROWS)))
    return path


def _run(tmp_path, asked, queries=None, **options):
    def seen(picture, question):
        asked.append(question)
        return 0.7

    return limner.evolve(
        queries, generator=HashGenerator(), taste=ScorerFromFunction(lambda *_: 1.0), out=tmp_path / "runs", rounds=1,
        questions=VisionFromFunction(seen), held_out=2, validation=2, **options,
    )  # fmt: skip


def test_the_lists_questions_are_asked_and_stored(tmp_path, file):
    asked = []
    result = _run(tmp_path, asked, limner.question_list(file), session="one")
    texts = {question.text for question in asked}
    assert all(text.startswith(("Is there a ", "Is the ")) for text in texts)
    assert any("red?" in text for text in texts)
    assert {example.query.text for example in result.examples} <= {row["prompt"] for row in ROWS}

    record = json.loads((result.folder / "session.json").read_text())
    (first, *_) = record["queries"]["search"]
    assert [question["kind"] for question in first["questions"]] == ["exists", "attribute"]
    resumed = prepare(resume=result.folder, generator=HashGenerator(), taste=ScorerFromFunction(lambda *_: 1.0),
                      questions=VisionFromFunction(lambda *_: 0.7))  # fmt: skip
    assert resumed.queries.asked[first["id"]][0].text == first["questions"][0]["text"]
    again = []
    assert _run(tmp_path, again, resume=result.folder).instruction == result.instruction
    assert again == []


def test_the_command_takes_the_file(file, capsys):
    with pytest.raises(SystemExit) as left:
        main(["evolve", "--queries", str(file), "--dry-run", "--json"])
    assert left.value.code == 0
    assert json.loads(capsys.readouterr().out)["total"] > 0


def test_a_list_is_given_alone(file):
    from limner.cli.evolve import _texts

    with pytest.raises(UsageError, match="give it alone"):
        _texts(["a fox"], file, None)


@pytest.mark.parametrize(("options", "times"), [({}, 1), ({"phrasings": 2}, 2)])
def test_a_dry_run_says_how_many_answers_it_needs(file, options, times):
    from limner.graph.estimate import estimate

    vision = VisionFromFunction(lambda *_: 0.5)
    plan = estimate(prepare(limner.question_list(file), questions=vision, **options))
    assert plan.answers_most == plan.total * 2 * times
    assert (plan.answer_tokens_most, plan.answers_usd) == (0, 0.0)


def test_a_dry_run_prices_remote_answers(file):
    from limner.graph.estimate import estimate

    priced = {"prices": {"eye": {"input": 1.0, "output": 2.0}}, "max_output_tokens": 100}
    plan = estimate(prepare(limner.question_list(file), questions="openai:eye", **priced))
    assert plan.answer_tokens_most == plan.answers_most * 1_300
    assert plan.answers_usd == pytest.approx(plan.answers_most * (1_200 + 2 * 100) / 1e6)
    unknown = prepare(limner.question_list(file), acceptance_questions="openai:eye")
    assert estimate(unknown).answers_usd is None
