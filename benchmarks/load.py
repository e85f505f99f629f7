"""A small HTTP/1.1 client that costs little itself, and what a server's process has used."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import orjson

LOOK_SECONDS, QUIET_LOOKS = 0.5, 3
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Result:
    """Figures of one run: rate in requests a second, times in milliseconds."""

    rate: float
    p50: float
    p99: float
    cpu: float


def cpu_seconds(pid: int) -> float:
    """Processor time that a process and its children have used, in user and in system mode."""
    used = own_cpu_seconds(pid)
    for child in children(pid):
        with suppress(FileNotFoundError):  # it has ended meanwhile
            used += cpu_seconds(child)
    return used


def own_cpu_seconds(pid: int) -> float:
    """Processor time that a process has used, without its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def children(pid: int) -> list[int]:
    """The processes that a process has started and that still run."""
    found: list[int] = []
    for each in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # the thread has ended meanwhile
            found += map(int, each.read_text().split())
    return found


def peak_megabytes(pid: int) -> float:
    """The most memory that was resident, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise LookupError("no VmHWM")


async def settled(pid: int) -> None:
    """Returns once a process has nothing to do: a new database is indexed after the start."""
    quiet = 0
    used = cpu_seconds(pid)
    while quiet < QUIET_LOOKS:
        await asyncio.sleep(LOOK_SECONDS)
        now = cpu_seconds(pid)
        quiet = quiet + 1 if now - used < LOOK_SECONDS / 20 else 0
        used = now


async def measure(
    port: int, pid: int, body: Callable[[int], bytes], *, clients: int, seconds: float
) -> Result:
    """Sends requests from so many connections at once for so long, one at least from each; raises
    on a failed one."""
    times: list[float] = []
    counter = iter(range(10**9))
    end = time.perf_counter() + seconds
    before, begun = cpu_seconds(pid), time.perf_counter()
    await asyncio.gather(*(_client(port, body, counter, end, times) for _ in range(clients)))
    elapsed, used = time.perf_counter() - begun, cpu_seconds(pid) - before
    times.sort()
    return Result(
        rate=len(times) / elapsed,
        p50=times[len(times) // 2] * 1000,
        p99=times[min(len(times) - 1, int(len(times) * 0.99))] * 1000,
        cpu=used / len(times) * 1000,
    )


async def _client(
    port: int, body: Callable[[int], bytes], counter: object, end: float, times: list[float]
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while True:
        begun = time.perf_counter()
        answer = await post(reader, writer, body(next(counter)))  # type: ignore[call-overload]
        times.append(time.perf_counter() - begun)
        if b'"errors":' in answer[:200] or b'"userErrors":[{' in answer:
            raise RuntimeError(answer[:500].decode())
        if time.perf_counter() >= end:
            break
    writer.close()


async def post(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> bytes:
    """Sends one GraphQL request on an open connection and returns the answer's body."""
    writer.write(
        b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Accept: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    )
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    answer = await reader.readexactly(length)
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(head.decode() + answer[:500].decode())
    return answer


def request(query: str, **variables: object) -> bytes:
    """The body of a GraphQL request."""
    return orjson.dumps({"query": query, "variables": variables})
