import json

import pytest

from limner.bench.bandit import DRIFTING, FLOOR, OURS
from limner.bench.bandit_worlds import SETTINGS, Block
from limner.cli.main import main


def test_rewards_of_a_block_are_the_same_wherever_it_is_made():
    for setting in SETTINGS.values():
        first, again = Block(setting, 3, worlds=2), Block(setting, 3, worlds=2)
        assert first.reward_of(1, 0, 5, 149) == again.reward_of(1, 0, 5, 149)
        assert first.regret(first.means_at(0)[:, : first.come(0)].argmax(-1), 0).tolist() == [0.0, 0.0]


@pytest.mark.slow
def test_the_quick_version_reports_what_is_claimed(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["bench", "bandit", "--quick", "--json", "--quiet"])
    assert not ended.value.code
    figures = json.loads(capsys.readouterr().out)
    assert figures["worlds"] == 250
    for name in ("hps_12", "hps_30"):
        regret = figures["regret"][name]
        assert 0 < regret[FLOOR]["mean"] < regret["ucb1"]["mean"]
        assert regret[OURS]["mean"] < regret["ucb1"]["mean"]
    drift = figures["regret_under_drift"]
    assert drift[DRIFTING]["mean"] < min(drift[OURS]["mean"], drift["ucb"]["mean"])
    assert set(figures["ours_over_best"]) == set(SETTINGS) - {"hps_12", "hps_30", "drift"}
