"""The direct way to an endpoint, against servers on loopback that send raw bytes."""

import asyncio
import ssl
from contextlib import asynccontextmanager

import httpx2
import pytest

from limner.llm.direct import Direct

OK = b"HTTP/1.1 200 OK\r\n"


@asynccontextmanager
async def serving(*replies, close_after=()):
    """A server whose connections answer their requests with these bytes in turn; yields its address and its log."""
    log = []
    places = iter(range(len(replies)))

    async def connected(reader, writer):
        log.append("opened")
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0] or 0)
                log.append(await reader.readexactly(length))
                place = next(places)
                writer.write(replies[place])
                await writer.drain()
                if place in close_after:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", log


@asynccontextmanager
async def client():
    async with httpx2.AsyncClient(transport=Direct(ssl.create_default_context())) as http:
        yield http


def said(*replies, close_after=(), times=1):
    """The texts of the replies to as many requests, one after the other, and the server's log."""

    async def asked():
        async with serving(*replies, close_after=close_after) as (url, log), client() as http:
            texts = []
            for number in range(times):
                texts.append((await http.post(url, json={"number": number})).text)
                await asyncio.sleep(0.02)
            return texts, log

    return asyncio.run(asked())


@pytest.mark.parametrize(
    "reply",
    [
        OK + b"Content-Length: 5\r\n\r\nhello",
        OK + b"content-length:5\r\n\r\nhello",
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;more=1\r\nllo\r\n0\r\nChecked: yes\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 5\r\n\r\nhello",
    ],
)
def test_a_reply_is_read_to_its_end_and_its_connection_used_again(reply):
    texts, log = said(reply, reply, times=2)
    assert texts == ["hello", "hello"]
    assert log == ["opened", b'{"number":0}', b'{"number":1}']


@pytest.mark.parametrize("head", [OK, b"HTTP/1.0 200 OK\r\n", OK + b"Connection: close\r\nContent-Length: 5\r\n"])
def test_a_reply_that_ends_with_its_connection_is_read_and_the_next_goes_over_another(head):
    texts, log = said(head + b"\r\nhello", head + b"\r\nhello", close_after=(0, 1), times=2)
    assert texts == ["hello", "hello"]
    assert log.count("opened") == 2


def test_a_connection_that_the_server_closed_meanwhile_is_not_used_again():
    reply = OK + b"Content-Length: 5\r\n\r\nhello"
    texts, log = said(reply, reply, close_after=(0,), times=2)
    assert texts == ["hello", "hello"]
    assert log.count("opened") == 2


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"HTTP/1.1 200",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 many OK\r\n\r\n",
        OK + b"Content-Length: some\r\n\r\n",
        OK + b"Content-Length: 9\r\n\r\nhello",
        OK + b"Transfer-Encoding: chunked\r\n\r\nffff\r\nhello",
        OK + b"Transfer-Encoding: chunked\r\n\r\nhello\r\n",
        OK + b"Padding: " + b"x" * 100_000 + b"\r\n\r\n",
    ],
)
def test_half_a_reply_and_nonsense_are_errors_of_the_protocol(reply):
    with pytest.raises(httpx2.RemoteProtocolError):
        said(reply, close_after=(0,))


def test_where_nobody_listens_nothing_was_sent():
    async def asked():
        async with serving() as (url, _):
            pass
        async with client() as http:
            await http.post(url, json={})

    with pytest.raises(httpx2.ConnectError):
        asyncio.run(asked())


def test_https_where_plain_http_is_spoken_is_no_connection():
    async def asked():
        async with serving() as (url, _), client() as http:
            await http.post(url.replace("http", "https", 1), json={})

    with pytest.raises((httpx2.ConnectError, httpx2.ConnectTimeout)):
        asyncio.run(asyncio.wait_for(asked(), 20))


def test_many_at_once_each_get_their_own():
    async def echoing(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
        body = await reader.readexactly(length)
        writer.write(OK + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        writer.close()

    async def asked():
        async with await asyncio.start_server(echoing, "127.0.0.1", 0) as server, client() as http:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            replies = await asyncio.gather(*(http.post(url, json=number) for number in range(60)))
            return [reply.json() for reply in replies]

    assert asyncio.run(asked()) == list(range(60))
