import pytest

from limner.bench.agents import measure, stable_prefix


def request(*contents):
    return {"messages": [{"role": "system", "content": content} for content in contents]}


@pytest.mark.parametrize(
    ("requests", "share"),
    [
        ([], 0.0),
        ([request("aaaa")], 0.0),
        ([request("aaaa"), request("aaaa")], 0.5),
        ([request("aaaa"), request("bbbb")], 0.0),
        ([request("aa", "bc"), request("cc"), request("aa", "bd")], 4 / 12),
    ],
)
def test_the_share_of_a_stable_prefix(requests, share):
    assert stable_prefix(requests) == pytest.approx(share)


@pytest.mark.slow
def test_a_quick_measurement():
    figures = measure(quick=True)
    assert figures["critical_path_seconds"] == pytest.approx(1.8)
    assert [row["queries"] for row in figures["rows"]] == [1, 4]
    assert figures["over_critical_path"] == max(row["over_critical_path"] for row in figures["rows"])
    for row in figures["rows"]:
        assert row["over_critical_path"] >= 0.9  # the server does wait
        assert row["bare_seconds"] >= 0.9 * figures["critical_path_seconds"]
        assert row["over_bare_client"] == pytest.approx(row["seconds"] / row["bare_seconds"])
        assert row["tokens_per_round"] > 0
        assert 0.5 < row["stable_prefix"] < 1
        assert row["served_calls"] > 2 * 3
        assert row["counted"] == {}
