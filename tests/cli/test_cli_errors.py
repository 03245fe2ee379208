"""Bad input at the command line: what was wrong, with which value, what to do; the right exit code; nothing lost."""

import json
import re

import pytest

RUN = ["evolve", "a cat", "--generator", "fake", "--taste", "fake", "--questions", "none"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([*RUN, "--generator", "nonesuch"], r"Unknown image model 'nonesuch'; the schemes are .*Say `microworld`"),
        ([*RUN, "--taste", "nonesuch:1"], "nonesuch"),
        ([*RUN, "--questions", "nonesuch:1"], "nonesuch"),
        ([*RUN, "--agents", "telepathy"], "'telepathy' are not known; choose one of: directives"),
        ([*RUN, "--generator", "diffusers:/no/such/folder"], r"No such folder: '/no/such/folder'\. Name a folder"),
        ([*RUN, "--taste", "hps:/no/such/weights"], r"/no/such/weights does not exist; name a folder"),
        ([*RUN, "--taste", "none"], "There is no judge"),
        (["evolve", "a cat", "--device", "cuda:99"], r"There is no device 'cuda:99' here: .*Say auto, cpu"),
        (["draw", "a cat", "--device", "warp"], r"There is no device 'warp' here: .*Say auto, cpu"),
        (["evolve", "a cat", "--lora", "a:nan"], "The LoRA 'a' with weight nan cannot be"),
        (["evolve", "a cat", "--offload", "some"], "generation.offload: Input should be 'none', 'model'"),
        (["evolve", "a cat", "--generator", "fake"], r"no judge for taste and questions.*Name a model"),
        (["evolve", *RUN[2:]], "'fake' needs queries: give some, or a file with --queries"),
        (["evolve", ""], "Query 1 is empty. Say what the picture shall show."),
        (["evolve", "a cat", "   "], "Query 2 is empty"),
        (["evolve", "a cat \udcff"], r"Query 1 is no Unicode text: 'a cat \\udcff'\. Give it in UTF-8"),
        (["draw", "\udcff", "--generator", "fake"], "Query 1 is no Unicode text"),
        (["evolve", "x" * 10_000], r"Query 1 has 10,000 characters \('xxx.*at most 2,000 are allowed\. Shorten it"),
        (
            ["evolve", "--queries", "nowhere.txt"],
            r"nowhere\.txt cannot be read: .*No such file.*Give a UTF-8 text file",
        ),
        ([*RUN, "--budget-pictures", "0"], "the budget for pictures must be above 0, got 0; leave it out for no limit"),
        ([*RUN, "--budget-seconds", "nan"], "the budget for seconds must be above 0, got nan"),
        ([*RUN, "--rounds", "0"], r"evolve\.rounds: .*got 0.*Correct them"),
        ([*RUN, "--rounds", "ten"], r"'--rounds': .*got 'ten'"),
        ([*RUN, "--bandit", "ucbb"], r"evolve\.bandit: .*'uniform' \(got 'ucbb'\)"),
        ([*RUN, "--start", ""], r"evolve\.start: .*got ''"),
        ([*RUN, "--colour", "red"], r"No such option: --colour.*--help` shows"),
        (["paint"], "No such command 'paint'"),
        (["draw"], "Missing argument 'prompt'"),
        (["draw", "a cat", "--n", "0"], r"'--n': .*greater than or equal to 1 \(got '0'\)"),
        (["draw", "", "--generator", "fake"], "Query 1 is empty"),
        (["draw", "a cat", "--generator", "nonesuch"], "Unknown image model 'nonesuch'"),
        (["write", "a cat"], "Missing option '--instruction'"),
        (["write", "a cat", "--instruction", "nowhere"], "There is no instruction 'nowhere': .*instructions list"),
        (["instructions"], "Missing command"),
        (["instructions", "export", "nowhere", "file.json"], "There is no instruction 'nowhere'"),
        (["instructions", "import", "nowhere.json"], r"nowhere\.json: .*give a file of `limner instructions export`"),
        (["bench", "nonesuch"], "No such command 'nonesuch'"),
    ],
)
def test_bad_usage_is_exit_2_and_leaves_nothing_behind(limner, tmp_path, arguments, said):
    result = limner(*arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("limner: ")
    assert re.search(said, result.err)
    assert not list(tmp_path.iterdir())


def test_a_session_that_is_not_there_is_exit_1(limner):
    result = limner("evolve", "--resume", "nowhere")
    assert (result.code, result.out) == (1, "")
    assert "There is no session in runs/nowhere" in result.err


def test_without_arguments_the_commands_are_listed(limner):
    result = limner()
    assert (result.code, result.err) == (0, "")
    assert all(
        command in result.out for command in ("evolve", "write", "draw", "instructions", "doctor", "demo", "bench")
    )


def test_an_unreadable_file_of_queries(limner, tmp_path):
    (tmp_path / "q.txt").write_bytes(b"\xff\xfe\x00 not text")
    assert "cannot be read" in limner("evolve", "--queries", "q.txt").err
    (tmp_path / "q.txt").write_text("\n\n")
    assert "There are no queries" in limner("evolve", "--queries", "q.txt").err
    (tmp_path / "q.jsonl").write_text('{"query": "a cat"}\n{"colour": "red"}\n')
    assert "q.jsonl, line 2 has none of the keys query, text, prompt" in limner("evolve", "--queries", "q.jsonl").err
    (tmp_path / "q.jsonl").write_text("a cat\n")
    result = limner("evolve", "--queries", "q.jsonl")
    assert (result.code, result.out) == (2, "")
    assert "q.jsonl, line 1 is no JSON" in result.err


def test_wrong_weights(limner, tmp_path):
    folder = tmp_path / "painter"
    folder.mkdir()
    result = limner("draw", "a cat", "--generator", f"diffusers:{folder}")
    assert (result.code, result.out) == (1, "")
    assert f"{folder}/model_index.json is missing. Name a folder in the diffusers layout" in result.err


def test_a_budget_that_is_spent_before_a_result_is_exit_3(limner, small):
    result = limner("evolve", "a cat", "a dog", *small, "--budget-pictures", 1)
    assert (result.code, result.out) == (3, "")
    assert "budget of pictures does not allow one round" in result.err


def test_resume_with_changed_settings_is_exit_2_and_says_which(limner, small):
    session = json.loads(limner("evolve", "a cat", *small, "--json").out)["session"]
    result = limner("evolve", "--resume", session, "--rounds", 5)
    assert (result.code, result.out) == (2, "")
    assert "evolve.rounds: 1 then, 5 now" in result.err
    assert limner("evolve", "--resume", session, "--json").code == 0


def test_a_demo_is_resumed_as_a_demo(limner, small):
    begun = json.loads(limner("evolve", "a red circle", *small, "--json").out)
    result = limner("demo", "--resume", begun["session"])
    assert result.code == 2
    assert re.search(r"professional: 'prompt database' then.*budget\.pictures: None then, 450 now", result.err)


def test_a_defect_is_one_line_and_with_debug_a_traceback(limner, small, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("out of paint")

    monkeypatch.setattr("limner.graph.wiring.generator", broken)
    result = limner("evolve", "a cat", *small)
    assert result.code == 1
    assert "RuntimeError: out of paint (a defect: run again with --debug and report it)" in result.err
    with pytest.raises(RuntimeError, match="out of paint"):
        limner("--debug", "evolve", "a cat", *small)


def test_a_mistake_in_the_configuration_file(limner, tmp_path):
    (tmp_path / "limner.toml").write_text("[evolve]\nbandit = 'ucbb'\n")
    result = limner("evolve", "a cat", "--dry-run")
    assert result.code == 2
    assert "evolve.bandit" in result.err
