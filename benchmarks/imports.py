"""What an import costs, and how long readers wait meanwhile.

    python -m benchmarks.imports [--messages 200000] [--by cli] [--by upload] [--file PATH]

A file of chats is made (or given), and imported into the database of a running server: by the
command line beside it, and by an upload to it. Meanwhile one client asks the server for the list
and for a thread without a pause. Told are messages a second, the processor time of a message in
the process that reads and in the one that stores, the most memory of each and of both at one
moment, the longest read and how many took more than 50 ms. The process that stores an upload is the
server, whose answers to the client are counted with it. Words are drawn as in natural language, the
n-th most common as often as 1/n of the first.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

import httpx
import orjson

from backend.config import load_settings
from benchmarks.load import children, own_cpu_seconds, post, request
from benchmarks.requests import LIST, ROOT, THREAD, server
from benchmarks.seed import conversation_id, seed

OF_A_CHAT = 20
VOCABULARY = 40_000
LOOK_SECONDS = 0.05
SLOW_MS = 50
SEEDED = 50


@dataclass(slots=True)
class Usage:
    """Of a process and of those it starts: seconds of processor time and MiB, by process."""

    seconds: dict[int, float] = field(default_factory=dict)
    peaks: dict[int, float] = field(default_factory=dict)
    together: float = 0


def make_file(path: Path, messages: int) -> None:
    """Chats of 20 messages of some 20 words each, one a line."""
    chance = random.Random(20260101)
    letters = "etaoinshrdlucmfwypvbgk"
    words = ["".join(chance.choices(letters, k=chance.randint(2, 9))) for _ in range(VOCABULARY)]
    weights = list(accumulate(1 / (rank + 1) for rank in range(VOCABULARY)))
    with path.open("wb") as file:
        for number in range(messages // OF_A_CHAT):
            said = [
                {
                    "role": "assistant" if place % 2 else "user",
                    "content": " ".join(
                        chance.choices(words, cum_weights=weights, k=chance.randint(4, 36))
                    ).capitalize()
                    + ".",
                }
                for place in range(OF_A_CHAT)
            ]
            file.write(orjson.dumps({"id": f"chat-{number}", "messages": said}) + b"\n")


@contextmanager
def watched(pid: int) -> Iterator[Usage]:
    """Looks at a process and its children until the block ends."""
    usage, ended = Usage(), threading.Event()

    def look() -> None:
        before = own_cpu_seconds(pid)
        while not ended.wait(LOOK_SECONDS):
            now = {}
            for each in (pid, *children(pid)):
                try:
                    now[each] = resident_megabytes(each)
                    own = own_cpu_seconds(each) - (before if each == pid else 0)
                except (OSError, LookupError):
                    continue
                usage.peaks[each] = max(usage.peaks.get(each, 0), now[each])
                usage.seconds[each] = own
            usage.together = max(usage.together, sum(now.values()))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield usage
    finally:
        ended.set()
        thread.join()


def resident_megabytes(pid: int) -> float:
    """What of a process is in memory now, shared pages by halves as they are by nobody else."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise LookupError("no Pss")


async def reads(port: int, ended: asyncio.Event) -> list[float]:
    """Asks for the list and a thread in turn, once at least; the milliseconds of each answer,
    ascending."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    bodies = [request(LIST), request(THREAD, id=conversation_id(1))]
    times: list[float] = []
    while not (times and ended.is_set()):
        begun = time.perf_counter()
        await post(reader, writer, bodies[len(times) % 2])
        times.append((time.perf_counter() - begun) * 1000)
        await asyncio.sleep(0.002)
    writer.close()
    return sorted(times)


def started(url: str, file: Path) -> subprocess.Popen[bytes]:
    """The command line, importing."""
    return subprocess.Popen(
        [sys.executable, "app.py", "import", str(file)],
        cwd=ROOT,
        env={**os.environ, "CONVERSA_DATABASE_URL": url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def end_of(process: subprocess.Popen[bytes]) -> None:
    """Waits for it."""
    if process.wait():
        raise RuntimeError("the import failed")


def by_upload(port: int, file: Path) -> None:
    """Imports by REST."""
    with file.open("rb") as stream:
        answer = httpx.post(
            f"http://127.0.0.1:{port}/api/import",
            content=iter(lambda: stream.read(1 << 20), b""),
            headers={"Content-Type": "application/x-ndjson"},
            timeout=3600,
        )
    if answer.json().get("failed") != 0:
        raise RuntimeError(answer.text[:500])


async def beside_reads(
    port: int, pid: int, work: Callable[[], None]
) -> tuple[float, list[float], Usage]:
    """Seconds of the work, what reads took meanwhile, what the process used."""
    ended = asyncio.Event()
    reading = asyncio.create_task(reads(port, ended))
    begun = time.perf_counter()
    with watched(pid) as usage:
        await asyncio.to_thread(work)
    elapsed = time.perf_counter() - begun
    ended.set()
    return elapsed, await reading, usage


def run(way: str, folder: Path, file: Path, messages: int) -> None:
    """One import of the file into a new database, and its figures."""
    url = f"sqlite:///{folder}/{way}.db"
    asyncio.run(seed(load_settings(database_url=url), SEEDED, SEEDED))
    limit = str(max(1, file.stat().st_size // 2**20 + 1))
    with server(url, upload_megabytes=limit) as (port, pid):
        if way == "upload":
            work = beside_reads(port, pid, lambda: by_upload(port, file))
        else:
            process = started(url, file)
            work = beside_reads(port, process.pid, lambda: end_of(process))
        tell(way, messages, *asyncio.run(work))


def tell(way: str, messages: int, elapsed: float, times: list[float], usage: Usage) -> None:
    """Prints the figures of one import."""
    print(f"{way}: {messages:,} messages in {elapsed:.1f} s, {messages / elapsed:,.0f} a second")
    for name, pid in zip(("stores", "reads the file"), usage.seconds, strict=False):
        each = usage.seconds[pid] / messages * 1e6
        print(f"  process that {name}: {each:.0f} us a message, {usage.peaks[pid]:.0f} MiB")
    print(f"  most memory of both at one moment: {usage.together:.0f} MiB")
    slow = sum(each > SLOW_MS for each in times)
    p99 = times[int(len(times) * 0.99)]
    print(
        f"  {len(times):,} reads meanwhile: p50 {times[len(times) // 2]:.1f} ms, p99 {p99:.1f} ms,"
        f" the longest {times[-1]:.1f} ms, {slow} over {SLOW_MS} ms"
    )


def main() -> None:
    """Reads the command line and runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--by", action="append", choices=["cli", "upload"])
    parser.add_argument("--file", type=Path, help="instead of one that is made")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file, messages = options.file, options.messages
        if file is None:
            file = Path(folder) / "chats.jsonl"
            make_file(file, messages)
        else:
            messages = file.read_bytes().count(b'"role"')
        print(f"{file.stat().st_size / 1e6:.0f} MB, {messages:,} messages")
        for way in options.by or ["cli", "upload"]:
            run(way, Path(folder), file, messages)


if __name__ == "__main__":
    main()
