"""A direct way to an endpoint: HTTP/1.1 on asyncio's streams, beneath the `openai` client.

The library's own pool looks through all its connections at every request, which with a hundred turns at once takes more
processor time than all the rest of them; here a free connection is the last one that became free. One request at a time
goes over a connection; nothing is sent twice. What it raises is what the library's own transport raises.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

import httpx2

if TYPE_CHECKING:
    from ssl import SSLContext

PIECE = 65_536
"""Bytes that are read at once, and that the head of a reply may have at most."""
_NO_BODY = (204, 304)


class Direct(httpx2.AsyncBaseTransport):
    """Connections of one event loop to whatever hosts are asked."""

    def __init__(self, certificates: SSLContext) -> None:
        """Take what https addresses are checked against."""
        self._certificates = certificates
        self._free: dict[tuple[str, str, int | None], list[_Connection]] = {}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request and read the head of its reply; the body is read by whoever wants it.

        Raises:
            httpx2.ConnectError, httpx2.ConnectTimeout: nothing was sent.
            httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError: it was, or may have been.
        """
        body = await request.aread()
        connection = self._reused(request.url) or await self._opened(request)
        try:
            with _told(httpx2.WriteError):
                connection.writer.write(_head(request) + body)
                await connection.writer.drain()
            with _told(httpx2.ReadError):
                head = await _read_head(connection.reader)
        except BaseException:
            connection.writer.close()
            raise
        return httpx2.Response(
            head.status,
            headers=head.headers,
            stream=_Body(self, connection, head),
            extensions={"http_version": b"HTTP/1.1"},
        )

    def free(self, connection: _Connection) -> None:
        """Keep a connection whose reply was read to its end."""
        self._free.setdefault(connection.where, []).append(connection)

    async def aclose(self) -> None:
        """Close the connections that are free."""
        connections = [connection for several in self._free.values() for connection in several]
        self._free.clear()
        for connection in connections:
            connection.writer.close()
        for connection in connections:
            with suppress(OSError):  # one that breaks while it is closed is closed
                await connection.writer.wait_closed()

    def _reused(self, url: httpx2.URL) -> _Connection | None:
        waiting = self._free.get(_where(url), [])
        while waiting:
            connection = waiting.pop()
            if not (connection.reader.at_eof() or connection.writer.is_closing()):
                return connection
            connection.writer.close()
        return None

    async def _opened(self, request: httpx2.Request) -> _Connection:
        scheme, host, port = where = _where(request.url)
        secure = self._certificates if scheme == "https" else None
        try:
            async with asyncio.timeout(request.extensions.get("timeout", {}).get("connect")):
                reader, writer = await asyncio.open_connection(
                    host, port or (443 if secure else 80), ssl=secure, limit=PIECE, happy_eyeballs_delay=0.25
                )
        except TimeoutError as error:
            raise httpx2.ConnectTimeout(f"no connection to {host} in time") from error
        except OSError as error:  # refused, no such host, a certificate that is not trusted
            raise httpx2.ConnectError(str(error)) from error
        return _Connection(where, reader, writer)


class _Connection(NamedTuple):
    """An open connection; `where` is scheme, host and port."""

    where: tuple[str, str, int | None]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class _Head(NamedTuple):
    """The head of a reply, and how its body ends: after `length` bytes, in chunks, or with the connection (None)."""

    status: int
    headers: list[tuple[bytes, bytes]]
    length: int | None
    chunked: bool
    lasting: bool


class _Body(httpx2.AsyncByteStream):
    """The body of a reply, piece by piece as it arrives; a connection that was not read to its end is closed."""

    def __init__(self, direct: Direct, connection: _Connection, head: _Head) -> None:
        self._direct, self._connection, self._head = direct, connection, head
        self._whole = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        reader, head = self._connection.reader, self._head
        with _told(httpx2.ReadError):
            if head.chunked:
                async for piece in _chunks(reader):
                    yield piece
            elif head.length is None:
                while piece := await reader.read(PIECE):
                    yield piece
            else:
                async for piece in _exactly(reader, head.length):
                    yield piece
        self._whole = True

    async def aclose(self) -> None:
        if self._whole and self._head.lasting:
            self._direct.free(self._connection)
        else:
            self._connection.writer.close()


def _where(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _head(request: httpx2.Request) -> bytes:
    lines = [request.method.encode() + b" " + request.url.raw_path + b" HTTP/1.1"]
    lines += [name + b": " + value for name, value in request.headers.raw]
    return b"\r\n".join([*lines, b"", b""])


async def _read_head(reader: asyncio.StreamReader) -> _Head:
    status = 100
    while 100 <= status < 200:  # "continue" and its like come before the reply
        first, *lines = (await reader.readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")
        protocol, _, told = first.partition(b" ")
        if not protocol.startswith(b"HTTP/1."):
            raise httpx2.RemoteProtocolError(f"no HTTP/1.1 reply: {first[:80]!r}")
        status = int(told[:3])
    headers = [(name.strip(), value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
    known = {name.lower(): value.lower() for name, value in headers}
    chunked = b"chunked" in known.get(b"transfer-encoding", b"")
    length = 0 if status in _NO_BODY else int(known[b"content-length"]) if b"content-length" in known else None
    ends = protocol == b"HTTP/1.0" or known.get(b"connection") == b"close" or (length is None and not chunked)
    return _Head(status, headers, length, chunked, lasting=not ends)


async def _exactly(reader: asyncio.StreamReader, length: int) -> AsyncIterator[bytes]:
    while length:
        piece = await reader.read(min(length, PIECE))
        if not piece:
            raise httpx2.RemoteProtocolError(f"the connection was closed {length} bytes before the end of the reply")
        length -= len(piece)
        yield piece


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        async for piece in _exactly(reader, size):
            yield piece
        await reader.readexactly(2)
    while await reader.readuntil(b"\r\n") != b"\r\n":  # trailers
        pass


@contextmanager
def _told(kind: type[httpx2.TransportError]) -> Iterator[None]:
    """Turn what streams and parsing raise into what the library knows."""
    try:
        yield
    except OSError as error:
        raise kind(str(error)) from error
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
        raise httpx2.RemoteProtocolError(f"no whole HTTP/1.1 reply: {error}") from error
