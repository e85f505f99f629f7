"""Processes that share a socket share its connections too."""

from __future__ import annotations

import asyncio
import errno
import os
import select
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from backend.cli import turns
from backend.cli.turns import TurnTaker
from tests.support.processes import ROOT, read_line, write_line

Process = subprocess.Popen[str]
CONNECTIONS = 8
MOST = 6
NEVER = 600.0
"""Seconds, more than a test lasts."""


class FullSocket(socket.socket):
    """A socket of a process that once has no more descriptors."""

    refused = False

    def accept(self) -> tuple[socket.socket, Any]:
        if not self.refused:
            self.refused = True
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


@dataclass
class Shared:
    """A socket that several accept on, as if each were a process of its own."""

    listening: socket.socket
    takers: list[TurnTaker] = field(default_factory=list)
    accepted: Counter[int] = field(default_factory=Counter)
    clients: list[socket.socket] = field(default_factory=list)

    def add_taker(self, kind: type[socket.socket] = socket.socket) -> None:
        """One more that accepts."""
        number = len(self.takers)

        def accepted() -> asyncio.Protocol:
            self.accepted[number] += 1
            return asyncio.Protocol()

        own = kind(fileno=self.listening.dup().detach())
        self.takers.append(TurnTaker(asyncio.get_running_loop(), own, accepted))

    def connect(self) -> None:
        """One more that connects, and does not wait for anybody."""
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(self.listening.getsockname())
        self.clients.append(client)

    async def all_accepted(self, count: int) -> list[int]:
        """How many each has accepted, most first, once they are so many."""
        async with asyncio.timeout(60):
            while self.accepted.total() < count:  # noqa: ASYNC110 - none tells
                await asyncio.sleep(0.001)
        await asyncio.sleep(0.01)
        assert self.accepted.total() == count
        return sorted(self.accepted.values(), reverse=True)


@pytest.fixture
async def shared() -> AsyncIterator[Shared]:
    with socket.create_server(("127.0.0.1", 0), backlog=1000) as listening:
        made = Shared(listening)
        yield made
        for taker in made.takers:
            taker.close()
            await taker.wait_closed()
            taker.sockets[0].close()
        for client in made.clients:
            client.close()


@pytest.mark.parametrize("takers", [2, 3])
async def test_of_connections_at_once_none_takes_all(shared: Shared, takers: int) -> None:
    for _ in range(takers):
        shared.add_taker()
    for _ in range(CONNECTIONS):
        shared.connect()
    assert (await shared.all_accepted(CONNECTIONS))[0] <= MOST


async def test_nor_where_they_come_one_after_the_other(shared: Shared) -> None:
    for _ in range(2):
        shared.add_taker()
    for number in range(CONNECTIONS):
        shared.connect()
        await shared.all_accepted(number + 1)
    assert (await shared.all_accepted(CONNECTIONS))[0] <= MOST


async def test_one_alone_takes_all(shared: Shared) -> None:
    shared.add_taker()
    for number in range(3 * CONNECTIONS):
        shared.connect()
        if number % 3 == 0:
            await shared.all_accepted(number + 1)
    assert await shared.all_accepted(3 * CONNECTIONS) == [3 * CONNECTIONS]


async def test_a_crowd_is_let_in_by_more_at_a_turn(shared: Shared) -> None:
    for _ in range(2):
        shared.add_taker()
    for _ in range(300):
        shared.connect()
    first, second = await shared.all_accepted(300)
    assert second > 75, first


async def test_none_is_taken_after_the_end(shared: Shared) -> None:
    shared.add_taker()
    shared.connect()
    await shared.all_accepted(1)
    shared.takers[0].close()
    shared.connect()
    await asyncio.sleep(0.02)
    shared.add_taker()
    assert await shared.all_accepted(2) == [1, 1]


async def test_where_there_is_no_room_it_is_tried_again(
    shared: Shared, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(turns, "RETRY", 0.01)
    shared.add_taker(FullSocket)
    shared.connect()
    assert await shared.all_accepted(1) == [1]
    assert "no connection can be accepted for now" in caplog.text


@contextmanager
def accepting(name: str, listening: socket.socket, moment: float) -> Iterator[Process]:
    """A process that accepts on a socket, and for a moment lets others come first."""
    given = [name, str(listening.fileno()), str(moment)]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.cli.accepting_process", *given],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=[listening.fileno()],
    ) as process:
        assert read_line(process) == "ready"
        try:
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            write_line(process)
        assert process.wait(timeout=60) == 0


def hold(process: Process) -> None:
    """Returns when it has stopped where it is."""
    process.send_signal(signal.SIGSTOP)
    os.waitpid(process.pid, os.WUNTRACED)


@pytest.mark.parametrize("slow", ["a", "b"])
def test_processes_answer_in_turns(slow: str) -> None:
    """Who took one leaves the next to the other, however slow that is."""
    with socket.create_server(("127.0.0.1", 0)) as listening, ExitStack() as stack:
        processes = {
            name: stack.enter_context(accepting(name, listening, NEVER)) for name in ("a", "b")
        }
        hold(processes[slow])
        clients = [
            stack.enter_context(socket.create_connection(listening.getsockname(), timeout=60))
            for _ in range(2)
        ]
        ([first], _, _) = select.select(clients, [], [], 60)
        [second] = set(clients) - {first}
        quick = "b" if slow == "a" else "a"
        assert first.recv(1) == quick.encode()
        processes[slow].send_signal(signal.SIGCONT)
        assert second.recv(1) == slow.encode()


def test_where_one_hangs_the_other_answers_all() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, ExitStack() as stack:
        processes = [
            stack.enter_context(accepting(name, listening, turns.MOMENT)) for name in ("a", "b")
        ]
        hold(processes[0])
        for _ in range(20):
            with socket.create_connection(listening.getsockname(), timeout=60) as client:
                assert client.recv(1) == b"b"
