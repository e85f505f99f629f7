"""Answers that leave in one piece, over real sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from starlette.types import Receive, Scope, Send

from backend.cli.corking import HEAD, CorkedTransport
from tests.support.protocol import spoken

PLAIN = [(b"content-length", b"4")]


class Sink(asyncio.Protocol):
    """Hears nothing."""


@dataclass
class Line:
    """Both ends of a connection: a transport that is corked, and a socket that reads it."""

    corked: CorkedTransport
    far: socket.socket

    def arrived(self) -> bytes:
        """What can be read by now."""
        try:
            return self.far.recv(65536)
        except BlockingIOError:
            return b""


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    near, far = socket.socketpair()
    far.setblocking(False)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_accepted_socket(Sink, near)
    with far:
        yield Line(CorkedTransport(transport, loop), far)
        transport.close()


async def test_a_head_leaves_with_the_body_that_follows(line: Line) -> None:
    line.corked.write(HEAD + b"200 OK\r\n\r\n")
    assert line.arrived() == b""
    line.corked.write(b"body")
    assert line.arrived() == HEAD + b"200 OK\r\n\r\nbody"


async def test_a_head_that_nothing_follows_leaves_in_the_same_turn_of_the_loop(line: Line) -> None:
    line.corked.write(HEAD + b"204 No Content\r\n\r\n")
    await asyncio.sleep(0)
    assert line.arrived() == HEAD + b"204 No Content\r\n\r\n"


async def test_what_follows_later_leaves_at_once(line: Line) -> None:
    line.corked.write(HEAD + b"200 OK\r\n\r\n")
    await asyncio.sleep(0)
    line.arrived()
    for piece in (b"data: 1\n\n", b"data: 2\n\n"):
        line.corked.write(piece)
        assert line.arrived() == piece


async def test_heads_of_two_answers_keep_their_order(line: Line) -> None:
    line.corked.write(HEAD + b"204 No Content\r\n\r\n")
    line.corked.write(HEAD + b"200 OK\r\n\r\n")
    line.corked.write(b"body")
    await asyncio.sleep(0)
    assert line.arrived() == HEAD + b"204 No Content\r\n\r\n" + HEAD + b"200 OK\r\n\r\nbody"


async def test_closing_sends_what_was_held(line: Line) -> None:
    line.corked.write(HEAD + b"200 OK\r\n\r\n")
    line.corked.close()
    assert line.corked.is_closing()
    assert line.arrived() == HEAD + b"200 OK\r\n\r\n"


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers to HEAD, to a path that says 204, and to any other with four letters."""
    if scope["type"] != "http":
        return
    empty = scope["path"] == "/empty"
    start = {"type": "http.response.start", "status": 204 if empty else 200}
    await send({**start, "headers": [] if empty else PLAIN})
    await send({"type": "http.response.body", "body": b"" if empty else b"body"})


@asynccontextmanager
async def served() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a server that corks."""
    async with spoken(application) as (_, address):
        reader, writer = await asyncio.open_connection(*address)
        yield reader, writer
        writer.close()


async def test_every_kind_of_answer_arrives_whole_on_one_connection() -> None:
    async with served() as (reader, writer):
        asked = [("HEAD", "/"), ("GET", "/empty"), ("GET", "/"), ("GET", "/empty"), ("GET", "/")]
        for method, path in asked:
            writer.write(f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(HEAD + (b"204" if path == "/empty" else b"200"))
            if method == "GET" and path == "/":
                assert await reader.readexactly(4) == b"body"
