"""Inbox, list, thread and append over HTTP: rate, latency, processor time and memory.

    python -m benchmarks.requests [--database URL] [--conversations 500] [--messages 200]

A database is made where none is given; the server is started on a free port, as by `make run`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from backend.config import load_settings
from benchmarks.load import measure, peak_megabytes, request, settled
from benchmarks.seed import conversation_id, seed

ROOT = Path(__file__).parent.parent
INBOX = """query Inbox { conversations(first: 20) { edges { cursor node { id title lastMessageAt
  messages(last: 20) { edges { cursor node { id role content createdAt } }
    pageInfo { hasPreviousPage startCursor } } } } pageInfo { hasNextPage endCursor } } }"""
LIST = """query List { conversations(first: 20) { edges { cursor
  node { id title lastMessageAt messageCount } } pageInfo { hasNextPage endCursor } } }"""
THREAD = """query Thread($id: ID!) { conversation(id: $id) { id title
  messages(last: 50) { edges { cursor node { id role content createdAt } }
    pageInfo { hasPreviousPage startCursor } } } }"""
APPEND = """mutation Append($input: AddMessageInput!) { addMessage(input: $input) {
  message { id position } userErrors { code message } } }"""


def bodies(conversations: int) -> dict[str, Callable[[int], bytes]]:
    """Each request's body, by the running number of the request."""
    text = "An appended message of some forty words. " * 5

    def append(number: int) -> bytes:
        target = conversation_id(number % conversations)
        given = {"conversationId": target, "role": "USER", "content": text}
        return request(APPEND, input=given)

    return {
        "inbox": lambda _: request(INBOX),
        "list": lambda _: request(LIST),
        "thread": lambda number: request(THREAD, id=conversation_id(number % conversations)),
        "append": append,
    }


@contextmanager
def server(
    database_url: str, command: Sequence[str] = ("app.py",), **given: str
) -> Iterator[tuple[int, int]]:
    """A running server: its port and its process id. ``given`` are settings."""
    with _held_port() as port, _serving(port, database_url, command, given) as process:
        _wait(port, process)
        yield port, process.pid


@contextmanager
def _held_port() -> Iterator[int]:
    """A port that nobody else is given meanwhile: it is bound, and does not listen."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@contextmanager
def _serving(
    port: int, database_url: str, command: Sequence[str], given: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,
        "CONVERSA_DATABASE_URL": database_url,
        "CONVERSA_PORT": str(port),
        "CONVERSA_LOG_LEVEL": "warning",
        **{f"CONVERSA_{name.upper()}": value for name, value in given.items()},
    }
    process = subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=60)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1):
                return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError("the server did not start")


async def run(options: argparse.Namespace, database_url: str) -> None:
    """Prints the table."""
    with server(database_url) as (port, pid):
        await settled(pid)
        print("request  clients    req/s   p50 ms   p99 ms   CPU ms")
        for name, body in bodies(options.conversations).items():
            await measure(port, pid, body, clients=1, seconds=min(1, options.seconds))
            for clients in (1, 8):
                found = await measure(port, pid, body, clients=clients, seconds=options.seconds)
                print(
                    f"{name:<8} {clients:>7} {found.rate:>8.1f} {found.p50:>8.2f} "
                    f"{found.p99:>8.2f} {found.cpu:>8.2f}"
                )
        print(f"peak memory {peak_megabytes(pid):.0f} MiB")


def main() -> None:
    """Reads the command line and runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", help="a filled database; by default one is made")
    parser.add_argument("--conversations", type=int, default=500)
    parser.add_argument("--messages", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()
    if options.database:
        asyncio.run(run(options, options.database))
        return
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/benchmark.db"
        settings = load_settings(database_url=url, synchronous="normal")
        asyncio.run(seed(settings, options.conversations, options.messages))
        asyncio.run(run(options, url))


if __name__ == "__main__":
    main()
