"""Answers with their bodies in one message, over real sockets: the bytes are uvicorn's own."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from backend.graphql.http.answers import Answer, deliver
from tests.support.protocol import Address, spoken

PATIENCE = 60
LARGE = b"x" * 5_000_000
HEADERS = [(b"content-type", b"text/plain"), (b"x-more", b"yes")]
BROKEN = {"/broken": b"one\r\nx-other: two", "/torn": b"one\0two"}
KEPT_OPEN = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def body_of(receive: Receive) -> bytes:
    """The whole body of a request."""
    pieces = []
    while True:
        message = await receive()
        pieces.append(message["body"])
        if not message["more_body"]:
            return b"".join(pieces)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with what it was sent, or as the path says."""
    body = await body_of(receive)
    if scope["path"] == "/divided":
        scope = {**scope, "extensions": {}}
    elif scope["path"] == "/large":
        body = LARGE
    headers = [*HEADERS]
    if scope["path"] in BROKEN:
        headers.append((b"x-said", BROKEN[scope["path"]]))
    await deliver(Answer(200, headers, body), scope, send, with_body=scope["method"] != "HEAD")
    if scope["path"] == "/waits":
        assert (await receive())["type"] == "http.disconnect"


@asynccontextmanager
async def served(**settings: Any) -> AsyncIterator[Address]:
    """The address of a server."""
    async with spoken(application, **settings) as (_, address):
        yield address


async def exchanged(address: tuple[str, int], request: bytes) -> bytes:
    """All that the server sends to a request until it closes; the date left out."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), PATIENCE)
    writer.close()
    return re.sub(rb"date: [^\r]*", b"date: -", answer)


async def kept(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """The head and the body of one answer on a connection that stays open."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
    length = re.search(rb"content-length: (\d+)", head)
    assert length is not None
    return head, await asyncio.wait_for(reader.readexactly(int(length[1])), PATIENCE)


def post(path: str, body: bytes, *, version: str = "1.1", more: str = "") -> bytes:
    """A request after which the connection closes."""
    length = len(body)
    head = f"POST {path} HTTP/{version}\r\nHost: x\r\nContent-Length: {length}\r\n{more}\r\n"
    return head.encode() + body


@pytest.mark.parametrize(
    ("version", "more"), [("1.1", "Connection: close\r\n"), ("1.0", ""), ("1.0", "X: y\r\n")]
)
async def test_a_connection_that_ends_gets_the_same_bytes(version: str, more: str) -> None:
    async with served() as address:
        one = await exchanged(address, post("/", b"some text", version=version, more=more))
        two = await exchanged(address, post("/divided", b"some text", version=version, more=more))
    assert one == two
    assert one.endswith(b"\r\n\r\nsome text")


async def test_a_connection_that_stays_gets_the_same_bytes_each_time() -> None:
    async with served() as address:
        reader, writer = await asyncio.open_connection(*address)
        seen = []
        for path in ("/", "/divided", "/", "/divided"):
            writer.write(post(path, b"some text"))
            head, body = await kept(reader)
            assert body == b"some text"
            seen.append(re.sub(rb"date: [^\r]*", b"date: -", head))
        writer.close()
    assert seen == [seen[0]] * 4
    assert b"x-more: yes\r\n" in seen[0]


async def test_requests_that_are_sent_ahead_are_answered_in_order() -> None:
    async with served() as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"".join(post("/", f"number {each}".encode()) for each in range(20)))
        for each in range(20):
            assert (await kept(reader))[1] == f"number {each}".encode()
        writer.close()


async def test_a_head_without_a_body_is_not_given_one() -> None:
    async with served() as address:
        asked = b"HEAD /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        answer = await exchanged(address, asked)
    assert f"content-length: {len(LARGE)}".encode() in answer
    assert answer.endswith(b"\r\n\r\n")


async def test_who_reads_slowly_gets_all_of_it() -> None:
    async with served() as address:
        reader, writer = await asyncio.open_connection(*address, limit=4096)
        writer.write(KEPT_OPEN.replace(b"/ ", b"/large ") * 3)
        await asyncio.sleep(0.2)
        for _ in range(3):
            assert (await kept(reader))[1] == LARGE
        writer.close()


@pytest.mark.parametrize("path", ["/broken", "/torn"])
async def test_a_header_that_is_none_is_not_sent(path: str) -> None:
    async with served() as address:
        for more in ("", "Connection: close\r\n"):
            assert await exchanged(address, post(path, b"", more=more)) == b""


async def test_a_body_that_comes_in_pieces_is_received_whole() -> None:
    async with served() as address:
        reader, writer = await asyncio.open_connection(*address)
        request = post("/waits", LARGE)
        for start in (0, 50, 100, 100_000):
            end = {0: 50, 50: 100, 100: 100_000}.get(start)
            writer.write(request[start:end])
            await asyncio.sleep(0.02)
        assert (await kept(reader))[1] == LARGE
        writer.close()


async def test_who_waits_to_be_told_to_go_on_is_told() -> None:
    async with served() as address:
        reader, writer = await asyncio.open_connection(*address)
        request = post("/", b"some text", more="Expect: 100-continue\r\n")
        writer.write(request.removesuffix(b"some text"))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
        writer.write(b"some text")
        assert (await kept(reader))[1] == b"some text"
        writer.close()


async def test_what_is_logged_by_uvicorn_is_still_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="uvicorn.access")
    async with served(access_log=True) as address:
        await exchanged(address, post("/", b"some text", more="Connection: close\r\n"))
        reader, writer = await asyncio.open_connection(*address)
        writer.write(post("/", b"some text"))
        await kept(reader)
        writer.close()
    assert len(caplog.messages) >= 2
