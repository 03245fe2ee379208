"""The loopback images server, and the switch that closes all other addresses."""

import json
import socket
import time
import urllib.error
import urllib.request
from typing import Any

import pytest

from limner.testing import ImageServer, RealCallError, no_real_calls


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as reply:
        return json.loads(reply.read())


def post(url: str, body: bytes = b'{"prompt": "a"}') -> Any:
    with urllib.request.urlopen(urllib.request.Request(url, body), timeout=5) as reply:
        return json.loads(reply.read())


def test_it_counts_its_own_calls() -> None:
    with ImageServer(script=["refuse"]) as server:
        with pytest.raises(urllib.error.HTTPError, match="400") as refused:
            post(f"{server.base_url}/images/generations")
        refused.value.close()
        assert post(f"{server.base_url}/images/generations")["data"][0]["b64_json"]
        assert get(f"{server.base_url}/count") == {"calls": 2}
        assert server.calls == 2


@pytest.mark.parametrize("path", ["/images/edits", "/nothing"])
def test_it_serves_nothing_else(path: str) -> None:
    with ImageServer() as server, pytest.raises(urllib.error.HTTPError, match="404") as missing:
        post(server.base_url + path)
    missing.value.close()
    assert server.calls == 0


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"prompt": "a", "size": "axb"}'])
def test_a_request_without_sense_is_answered_so(body: bytes) -> None:
    with ImageServer() as server, pytest.raises(urllib.error.HTTPError, match="400") as refused:
        post(f"{server.base_url}/images/generations", body)
    refused.value.close()


def test_it_stops_by_itself() -> None:
    with ImageServer(lifetime=0.1) as server:
        assert server.wait(5)
        time.sleep(0.05)
        with pytest.raises(urllib.error.URLError):
            get(f"{server.base_url}/count")


def test_the_switch_lets_loopback_through() -> None:
    with no_real_calls(), ImageServer() as server:
        assert get(f"{server.base_url}/count") == {"calls": 0}


def test_the_switch_refuses_names_and_addresses_outside_and_tells_at_the_end() -> None:
    def try_twice() -> None:
        with no_real_calls():
            with pytest.raises(urllib.error.URLError, match="tried to reach"):
                get("http://models.example/")
            with socket.socket() as outside, pytest.raises(RealCallError):
                outside.connect(("192.0.2.1", 443))

    with pytest.raises(AssertionError, match=r"192\.0\.2\.1, models\.example"):
        try_twice()


def test_the_switch_goes_back() -> None:
    before = socket.socket.connect, socket.getaddrinfo
    with no_real_calls():
        assert socket.getaddrinfo is not before[1]
    assert (socket.socket.connect, socket.getaddrinfo) == before
