"""The figures of calibration on numbers whose answers are known, and the command."""

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

import limner
from limner.bench.calibration_figures import Duel, agreement, auc, calibrated, preference_chances, reliability
from limner.cli.main import main
from limner.tracing.report.curves import Panel, reliability_svg

PAINTER = Path(limner.__file__).parent / "microworld" / "weights" / "painter"


@pytest.mark.parametrize(
    ("scores", "truths", "expected"),
    [
        ([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1], 1.0),
        ([0.9, 0.8, 0.2, 0.1], [0, 0, 1, 1], 0.0),
        ([0.5, 0.5, 0.5], [0, 1, 1], 0.5),
        ([0.1, 0.5, 0.5, 0.9], [0, 0, 1, 1], 0.875),
        ([0.1, 0.2], [1, 1], None),
        ([], [], None),
    ],
)
def test_auc(scores, truths, expected):
    assert auc(scores, [bool(truth) for truth in truths]) == expected


def test_auc_is_the_share_of_pairs_in_order():
    rng = np.random.default_rng(1)
    scores, truths = rng.integers(0, 8, 60), rng.random(60) < 0.4
    pairs = [(scores[i] > scores[j]) + 0.5 * (scores[i] == scores[j]) for i in range(60) for j in range(60)
             if truths[i] and not truths[j]]  # fmt: skip
    assert auc(scores, truths) == pytest.approx(np.mean(pairs))


def test_probabilities_that_come_true_are_calibrated():
    rng = np.random.default_rng(2)
    p = rng.random(20_000)
    figures = calibrated(p.tolist(), (rng.random(20_000) < p).tolist())
    assert figures["calibration_error"] < 0.02
    assert figures["auc"] == pytest.approx(5 / 6, abs=0.02)
    assert figures["brier"] == pytest.approx(1 / 6, abs=0.01)
    assert sum(one["count"] for one in figures["reliability"]) == 20_000


def test_reliability_leaves_out_empty_bins():
    assert reliability([0.05, 0.07, 1.0], [False, True, True]) == [
        {"p": pytest.approx(0.06), "share": 0.5, "count": 2},
        {"p": 1.0, "share": 1.0, "count": 1},
    ]


def test_agreement_counts_a_case_once_and_a_tie_for_half():
    many = [Duel("one", 1.0, 1.0)] * 9
    figures = agreement([*many, Duel("two", -1.0, 1.0), Duel("two", -1.0, -2.0), Duel("three", 1.0, 0.0)])
    assert figures["mean"] == pytest.approx((1 + 0.5 + 0.5) / 3)
    assert (figures["pairs"], figures["cases"]) == (12, 3)
    assert agreement([Duel("one", 0.0, 1.0)]) is None


def test_preference_chances_find_the_scale_on_other_cases():
    rng = np.random.default_rng(3)
    duels = []
    for n in range(4000):
        scored = rng.normal()
        won = rng.random() < 1 / (1 + np.exp(-3 * scored))
        duels.append(Duel(f"case {n}", 1.0 if won else -1.0, scored))
    p, truths = preference_chances(duels)
    assert len(p) == 4000
    assert calibrated(p, truths)["calibration_error"] < 0.03
    useless, _ = preference_chances([Duel(f"{n}", 1.0 if n % 3 else -1.0, -1.0 if n % 3 else 1.0) for n in range(30)])
    assert useless == pytest.approx([0.5] * 30)


def test_the_picture_is_svg_with_every_panel():
    panels = [Panel(f"eye: <{n}>", ((0.1, 0.2, 4), (0.9, 0.8, 40)), 0.9, None) for n in range(6)]
    root = ElementTree.fromstring(reliability_svg([*panels, Panel("nothing", (), None, None)]))
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "eye: <5>" in texts
    assert "AUC –, error –" in texts
    assert len(list(root.iter("{http://www.w3.org/2000/svg}circle"))) == 12


@pytest.mark.slow
@pytest.mark.skipif(not PAINTER.is_dir(), reason="the embedded painter's weights are not there")
def test_the_command_measures_and_draws(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["bench", "calibration", "--quick", "--json", "--quiet", "--out", str(tmp_path)])
    assert not ended.value.code
    out, err = capsys.readouterr()
    assert err == ""
    figures = json.loads(out)
    assert figures["pictures"] == 16
    assert figures["eye"]["count"] > 50
    assert figures["eye"]["auc"] > 0.7
    assert set(figures["preference"]) == {"taste", "questions", "both"}
    assert 0 <= figures["preference"]["both"]["agreement"]["mean"] <= 1
    assert Path(figures["chart"]) == tmp_path / "calibration.svg"
    ElementTree.parse(figures["chart"])
