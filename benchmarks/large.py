"""Whether cost grows with what is returned or with what is stored, and what a large import costs.

    python -m benchmarks.large [--conversations 500000] [--messages 20] [--import-messages 0]

The same three requests over 500 conversations and over ``--conversations``, of as many messages
each; then a thread of 100 messages and one of 100,000, in the large file. Both servers run at once
and take turns. With ``--import-messages N`` so many messages are exported from one file, and the
command line imports them into another while a server on it answers the list without a pause: the
longest answer is told. It takes some 7 GB of disk for ten million messages.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from backend.config import load_settings
from benchmarks.bulk import conversation_id, fill
from benchmarks.load import measure, post, request
from benchmarks.requests import INBOX, LIST, ROOT, THREAD, server
from benchmarks.seed import seed

SMALL = 500
DEEP = 100_000
SHORT = 100
OF_IMPORT = 20
"""Messages a conversation of what is imported."""


def made(path: Path, shapes: list[tuple[int, int]]) -> str:
    """The address of a new file with so much in it."""
    url = f"sqlite:///{path}"
    asyncio.run(seed(load_settings(database_url=url, synchronous="normal"), 0, 0))
    begun = time.perf_counter()
    fill(path, shapes)
    stored = sum(count * messages for count, messages in shapes)
    size = path.stat().st_size / 1e9
    print(f"{stored:,} messages made in {time.perf_counter() - begun:.0f} s, {size:.2f} GB")
    return url


async def compare(
    pairs: dict[str, list[tuple[int, int, Callable[[int], bytes]]]], options: argparse.Namespace
) -> None:
    """Prints, for each request, the CPU on either side and their ratio."""
    print(f"{'request':18}{'small CPU ms':>14}{'large CPU ms':>14}{'ratio':>7}")
    for name, sides in pairs.items():
        found: list[list[float]] = [[] for _ in sides]
        for _ in range(options.rounds + 1):
            for figures, (port, pid, body) in zip(found, sides, strict=True):
                run = await measure(port, pid, body, clients=1, seconds=options.seconds)
                figures.append(run.cpu)
        # The first round reads what the others find in memory.
        small, large = (median(figures[1:]) for figures in found)
        print(f"{name:18}{small:>14.2f}{large:>14.2f}{large / small:>7.2f}")


def three(port: int, pid: int, count: int) -> dict[str, tuple[int, int, Callable[[int], bytes]]]:
    """The three requests of a server with so many conversations; threads all over them."""

    def thread(number: int) -> bytes:
        return request(THREAD, id=conversation_id(1 + number * 7919 % count))

    inbox, listed = request(INBOX), request(LIST)
    return {
        "inbox": (port, pid, lambda _: inbox),
        "list": (port, pid, lambda _: listed),
        "thread": (port, pid, thread),
    }


def sizes(folder: Path, options: argparse.Namespace) -> None:
    """Small beside large."""
    count, messages = options.conversations, options.messages
    small = made(folder / "small.db", [(SMALL, messages)])
    large = made(folder / "large.db", [(count, messages), (1, SHORT), (1, options.deep)])
    with server(small) as few, server(large) as many:
        beside = three(*many, count)
        pairs = {name: [each, beside[name]] for name, each in three(*few, SMALL).items()}
        short, deep = (request(THREAD, id=conversation_id(count + offset)) for offset in (1, 2))
        pairs[f"thread of {options.deep}"] = [
            (*many, lambda _: short),
            (*many, lambda _: deep),
        ]
        asyncio.run(compare(pairs, options))


def run(arguments: Sequence[str], url: str) -> None:
    """A verb of the command line over a database."""
    environment = {**os.environ, "CONVERSA_DATABASE_URL": url}
    command = [sys.executable, "app.py", *arguments]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)


async def stalls(port: int, until: asyncio.Event) -> list[float]:
    """Asks for the list again and again; the milliseconds of each answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    times, body = [], request(LIST)
    while not until.is_set():
        begun = time.perf_counter()
        await post(reader, writer, body)
        times.append((time.perf_counter() - begun) * 1000)
        await asyncio.sleep(0.002)
    writer.close()
    return sorted(times)


async def import_beside_reads(folder: Path, url: str, file: Path) -> tuple[float, list[float]]:
    """Seconds of the import, and what reads took meanwhile."""
    with server(url) as (port, _):
        ended = asyncio.Event()
        reading = asyncio.create_task(stalls(port, ended))
        begun = time.perf_counter()
        await asyncio.to_thread(run, ["import", str(file)], url)
        elapsed = time.perf_counter() - begun
        ended.set()
        return elapsed, await reading


def imports(folder: Path, messages: int) -> None:
    """The rate of an import, and the longest answer meanwhile."""
    source = made(folder / "source.db", [(messages // OF_IMPORT, OF_IMPORT)])
    file = folder / "export.json"
    run(["export", "--output", str(file)], source)
    target = f"sqlite:///{folder}/target.db"
    asyncio.run(seed(load_settings(database_url=target), 10, 10))
    elapsed, times = asyncio.run(import_beside_reads(folder, target, file))
    print(f"{messages:,} messages imported in {elapsed:.0f} s: {messages / elapsed:,.0f} a second")
    p99 = times[int(len(times) * 0.99)]
    print(f"{len(times)} reads meanwhile: p99 {p99:.1f} ms, the longest {times[-1]:.1f} ms")


def main() -> None:
    """Reads the command line and runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=500_000)
    parser.add_argument("--messages", type=int, default=20)
    parser.add_argument("--deep", type=int, default=DEEP)
    parser.add_argument("--import-messages", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.conversations:
            sizes(Path(folder), options)
        if options.import_messages:
            imports(Path(folder), options.import_messages)


if __name__ == "__main__":
    main()
