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

    def measure(name):
        with pytest.raises(SystemExit) as ended:
            main(["bench", name, "--quick", "--json", "--quiet"])
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
