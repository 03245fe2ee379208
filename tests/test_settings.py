import pytest

from limner import settings
from limner.errors import SettingsError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """A working directory without a limner.toml, and an environment without our variables."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_arguments_beat_the_environment_which_beats_the_file_which_beats_defaults(elsewhere, monkeypatch):
    assert settings.load().evolve.rounds == 30
    (elsewhere / "limner.toml").write_text("[evolve]\nrounds = 5\npool = 4\nbatch = 6\n")
    assert settings.load().evolve.rounds == 5
    monkeypatch.setenv("LIMNER_EVOLVE__ROUNDS", "6")
    monkeypatch.setenv("LIMNER_EVOLVE__POOL", "5")
    assert settings.load().evolve.rounds == 6
    loaded = settings.load(evolve={"rounds": 7, "pool": None})
    assert (loaded.evolve.rounds, loaded.evolve.pool, loaded.evolve.batch) == (7, 5, 6)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[evolve]\nround = 5\n", r"evolve\.round: .*got 5"),
        ("[evolve]\nrounds = 0\n", r"evolve\.rounds: .*got 0"),
        ("[evolv]\nrounds = 1\n", r"evolv: "),
        (
            "[evolve]\nbandit = 'ucbb'\n",
            r"evolve\.bandit: .*'ucb', 'bigpe', 'greedy', 'epsilon-greedy' or 'uniform'.*got 'ucbb'",
        ),
        ("rounds = ", r"limner\.toml cannot be read: .*Mend it or move it away"),
    ],
)
def test_a_mistake_in_the_file_is_named(elsewhere, text, said):
    (elsewhere / "limner.toml").write_text(text)
    with pytest.raises(SettingsError, match=said):
        settings.load()


@pytest.mark.parametrize(
    ("name", "value"),
    [("LIMNER_EVOLVE__ROUNDS", "many"), ("LIMNER_BUDGET__SECONDS", "soon"), ("LIMNER_EVOLVE__X", "1")],
)
def test_a_mistake_in_the_environment_is_named(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=rf"got '{value}'.*Correct them"):
        settings.load()


def test_an_unknown_argument_is_an_error():
    with pytest.raises(SettingsError, match=r"evolve\.roundz"):
        settings.load(evolve={"roundz": 1})


def test_every_mistake_is_said_at_once():
    with pytest.raises(SettingsError, match=r"evolve\.rounds: .*evolve\.pool: "):
        settings.load(evolve={"rounds": 0, "pool": 1000})


def test_differences_of_two_dumps_by_their_whole_names():
    then = {"evolve": {"rounds": 10, "pool": 3}, "out": "runs"}
    now = {"evolve": {"rounds": 5, "pool": 3}, "out": "runs", "more": True}
    assert settings.differences(then, now) == ["evolve.rounds: 10 then, 5 now", "more: None then, True now"]
    assert settings.differences(then, then) == []
