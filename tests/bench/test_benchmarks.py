import json
from pathlib import Path

import pytest

import limner
from limner.bench import BENCHMARKS, benchmark
from limner.cli.main import main
from limner.errors import UsageError

PAINTER = Path(limner.__file__).parent / "microworld" / "weights" / "painter"


@pytest.fixture
def measured(capsys):
    """Run `limner bench NAME --quick --json` and read its one JSON object."""

    def measure(name, *more):
        with pytest.raises(SystemExit) as ended:
            main(["bench", name, "--quick", "--json", "--quiet", *map(str, more)])
        assert not ended.value.code
        out, err = capsys.readouterr()
        assert err == ""
        return json.loads(out)

    return measure


def test_every_benchmark_is_there():
    assert all(callable(benchmark(name)) for name in BENCHMARKS)


def test_a_benchmark_that_is_not_there():
    with pytest.raises(UsageError, match=r"no benchmark 'speed'\. There are: .*resume"):
        benchmark("speed")


@pytest.mark.slow
def test_resume(measured):
    figures = measured("resume")
    assert figures["kills"] == sum(figures["by_node"].values()) == 3
    assert figures["identical"] is True
    assert figures["repeated_pictures"] == figures["overspent"] == 0
    endpoint = figures["endpoint"]
    assert endpoint["kills"] == 2
    assert figures["pictures"] <= endpoint["served"] <= endpoint["charged"] <= endpoint["budget"]


@pytest.mark.slow
@pytest.mark.skipif(not PAINTER.is_dir(), reason="the embedded painter's weights are not there")
def test_overhead(measured):
    figures = measured("overhead")
    assert figures["overhead"] > 0.5
    assert all(row["evolve_seconds"] > 0 and row["bare_seconds"] > 0 for row in figures["pairs"])


@pytest.mark.slow
@pytest.mark.skipif(not PAINTER.is_dir(), reason="the embedded painter's weights are not there")
def test_draw(measured):
    figures = measured("draw")
    assert figures["efficiency"] > 0.2
    assert set(figures["pairs"][0]) == {"bare", "generator", "recorded"}
    assert figures["targets"].keys() == {"efficiency", "efficiency_without_ledger"}
    assert figures["sdxl"] is None


@pytest.mark.slow
@pytest.mark.skipif(not PAINTER.is_dir(), reason="the embedded painter's weights are not there")
def test_onnx(measured):
    figures = measured("onnx")
    assert figures["speedup"] == figures["by_batch"]["1"]["speedup"] > 0.2
    assert [len(row["ratios"]) for row in figures["by_batch"].values()] == [1, 1]
    assert figures["within_2_of_255"] >= 0.999
    assert figures["targets"].keys() == {"speedup", "within_2_of_255"}
    assert figures["versions"]["onnxruntime"]


@pytest.mark.slow
@pytest.mark.skipif(not PAINTER.is_dir(), reason="the embedded painter's weights are not there")
def test_evolve(measured, tmp_path):
    piece = measured("evolve", "--seeds", "1", "--out", tmp_path)
    assert piece["seeds"] == [1]
    assert piece["null_false_gains"] is None
    figures = measured("evolve", "--out", tmp_path)
    assert figures["seeds"] == [0, 1]
    assert figures["instructions"]["1"] == piece["instructions"]["1"]
    assert set(figures["methods"]) >= {"plain", "start", "professional", "random", "evolved"}
    for method in figures["methods"].values():
        assert all(0 <= method[measure]["mean"] <= 1 for measure in ("all_correct", "well_drawn", "both"))
    assert 0 <= figures["null_false_gains"] <= 1
    assert figures["targets"].keys() >= {"evolved_minus_start", "fraction_of_best", "null_false_gains"}


@pytest.mark.slow
@pytest.mark.skipif(not PAINTER.is_dir(), reason="the embedded painter's weights are not there")
def test_transfer(measured, tmp_path):
    figures = measured("transfer", "--seeds", "0", "--out", tmp_path)
    assert figures["seeds"] == [0]
    assert figures["models"]["first"]["generator"] != figures["models"]["second"]["generator"]
    for painter in figures["painters"].values():
        assert all(0 <= painter["methods"][name]["both"]["mean"] <= 1 for name in ("start", "evolved", "carried over"))


def test_seeds_that_are_none_are_refused(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["bench", "evolve", "--quick", "--seeds", "many"])
    assert ended.value.code == 2
    assert "names no seeds" in capsys.readouterr().err
