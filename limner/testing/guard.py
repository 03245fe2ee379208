"""A switch that makes every call to a remote model fail in tests.

It closes the sockets of this process to all but loopback addresses, so it holds for any client: chat, images, downloads
of weights. Libraries may swallow the refusal as a failed connection, so an attempt is an error again at the end.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any
from unittest.mock import patch


class RealCallError(ConnectionError):
    """A test tried to reach a machine outside."""


@contextmanager
def no_real_calls() -> Iterator[None]:
    """Refuse connections and name lookups beyond this machine.

    Raises:
        AssertionError: at the end, if there were any, naming the hosts.
    """
    tried: list[str] = []
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def refuse_outside(host: Any) -> None:
        if not _is_here(host):
            tried.append(str(host))
            raise RealCallError(
                f"A test tried to reach {host!r}. Use a fake from limner.testing, or mark the test live."
            )

    def guarded_connect(self: socket.socket, address: Any) -> None:
        refuse_outside(_host(self, address))
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        refuse_outside(_host(self, address))
        return connect_ex(self, address)

    def guarded_getaddrinfo(host: Any, *rest: Any, **options: Any) -> Any:
        refuse_outside(host)
        return getaddrinfo(host, *rest, **options)

    with (
        patch.object(socket.socket, "connect", guarded_connect),
        patch.object(socket.socket, "connect_ex", guarded_connect_ex),
        patch.object(socket, "getaddrinfo", guarded_getaddrinfo),
    ):
        yield
    if tried:
        raise AssertionError(f"The test tried to reach {', '.join(sorted(set(tried)))}.")


def _host(open_socket: socket.socket, address: Any) -> Any:
    return address[0] if open_socket.family in (socket.AF_INET, socket.AF_INET6) else None


def _is_here(host: Any) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    if name is None or name in ("", "localhost"):
        return True
    try:
        return ip_address(name.split("%")[0]).is_loopback
    except ValueError:
        return False
