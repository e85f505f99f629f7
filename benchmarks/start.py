"""From starting the server to its first answer, and the memory it takes to serve.

    python -m benchmarks.start [--database URL] [--starts 5] [--requests 1000]

The database is there and up to date and Python has compiled every module, as at every start but the
first, which is not counted. Memory is what the kernel
says was resident at the most, once after the first answer and once after so many requests: inbox,
list, thread, append and search in turn, from eight connections. CPU is processor time from the
start of the process on, which other work on the machine touches less than the clock.
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
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

from backend.config import load_settings
from benchmarks.load import cpu_seconds, peak_megabytes, post, request
from benchmarks.requests import LIST, ROOT, bodies
from benchmarks.seed import seed

SEARCH = """query Search { search(query: "branch cursor", first: 10) {
  edges { node { message { id } } } } }"""
CLIENTS = 8
PATIENCE = 60.0


class Start(NamedTuple):
    """Seconds by the clock and of processor time until the first answer; MiB at the most."""

    clock: float
    cpu: float
    memory: float
    memory_later: float


async def start(
    database_url: str, mixed: list[Callable[[int], bytes]], requests: int, compiled: str
) -> Start:
    """Starts a server, waits for its first answer, and sends the requests.

    Compiled modules are kept in a folder of ours, whatever the environment says of them.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    given = {"CONVERSA_DATABASE_URL": database_url, "CONVERSA_PORT": str(port)}
    kept = {"PYTHONPYCACHEPREFIX": compiled, "PYTHONDONTWRITEBYTECODE": ""}
    environment = {**os.environ, **given, **kept, "CONVERSA_LOG_LEVEL": "warning"}
    begun = time.perf_counter()
    command = [sys.executable, "app.py"]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
    )
    try:
        await _first_answer(port, begun + PATIENCE)
        clock, cpu = time.perf_counter() - begun, cpu_seconds(process.pid)
        memory = peak_megabytes(process.pid)
        await asyncio.gather(*(_send(port, mixed, each, requests) for each in range(CLIENTS)))
        return Start(clock, cpu, memory, peak_megabytes(process.pid))
    finally:
        process.terminate()
        await process.wait()


async def _first_answer(port: int, end: float) -> None:
    reader, writer = await _connected(port, end)
    await post(reader, writer, request(LIST))
    writer.close()


async def _connected(port: int, end: float) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    while True:
        try:
            return await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            if time.perf_counter() > end:
                raise
            await asyncio.sleep(0.005)


async def _send(port: int, mixed: list[Callable[[int], bytes]], first: int, requests: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for number in range(first, requests, CLIENTS):
        answer = await post(reader, writer, mixed[number % len(mixed)](number))
        if b'"errors":' in answer[:200]:
            raise RuntimeError(answer[:500].decode())
    writer.close()


async def run(database_url: str, options: argparse.Namespace) -> None:
    """Prints the medians."""
    mixed = [*bodies(options.conversations).values()]
    if options.search:
        mixed.append(lambda _: request(SEARCH))
    with tempfile.TemporaryDirectory() as compiled:
        await start(database_url, mixed, 0, compiled)
        found = [
            await start(database_url, mixed, options.requests, compiled)
            for _ in range(options.starts)
        ]
    clock, cpu, memory, later = (median(figures) for figures in zip(*found, strict=True))
    least = min(found)
    print(f"start to first answer  {clock:.2f} s by the clock, {cpu:.2f} s of processor time")
    print(f"                       {least.clock:.2f} s and {least.cpu:.2f} s at the least")
    print(f"peak memory            {memory:.0f} MiB at the first answer")
    print(f"                       {later:.0f} MiB after {options.requests} requests")


def main() -> None:
    """Reads the command line and runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", help="a filled database; by default one is made")
    parser.add_argument("--conversations", type=int, default=100)
    parser.add_argument("--messages", type=int, default=200)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--no-search", dest="search", action="store_false")
    options = parser.parse_args()
    if options.database:
        asyncio.run(run(options.database, options))
        return
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/benchmark.db"
        settings = load_settings(database_url=url, synchronous="normal")
        asyncio.run(seed(settings, options.conversations, options.messages))
        asyncio.run(run(url, options))


if __name__ == "__main__":
    main()
