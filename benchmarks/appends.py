"""Acknowledged appends over HTTP at full durability: grouped commits, and a commit for each.

    python -m benchmarks.appends [--database URL] [--workers 1] [--clients 8] [--seconds 5]

On SQLite the server runs twice, as it is and with a transaction and a commit for every write; the
two take turns. Each client appends one message after the other, first each to a conversation of
its own, then all to one. What was acknowledged is counted in the database afterwards. CPU is that
of the server with its workers; beside it stands that of the database's processes, where they run on
this machine, and of this script, which shares the cores with both.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import orjson

from backend.cli.main import main as serve
from backend.config import load_settings
from backend.database.database import Database
from backend.database.migrate import migrate
from backend.repositories.gathering import Gathering
from backend.security.viewer import Viewer
from benchmarks.clients import ask_again
from benchmarks.load import children, cpu_seconds, peak_megabytes, post, request
from benchmarks.requests import APPEND, ROOT, server

CREATE = 'mutation { createConversation(input: {title: "Appends"}) { conversation { id } } }'
COUNT = "query Count($id: ID!) { conversation(id: $id) { messageCount } }"
TEXT = "An appended message of some forty words. " * 5
ONE_BY_ONE = ("-m", "benchmarks.appends", "--one-by-one")
ROUNDS = 3


class Figures:
    """Of one run: appends a second, milliseconds, milliseconds of processor time an append, of the
    server, of the database's processes and of this one."""

    def __init__(self, times: list[float], elapsed: float, used: Sequence[float]) -> None:
        times.sort()
        self.rate = len(times) / elapsed
        self.p50 = times[len(times) // 2] * 1000
        self.p99 = times[min(len(times) - 1, int(len(times) * 0.99))] * 1000
        self.cpu, self.database, self.client = (each / len(times) * 1000 for each in used)


async def measure(
    port: int, pids: Sequence[int], clients: int, seconds: float, *, apart: bool
) -> Figures:
    """Appends from so many connections at once; raises where one was lost.

    ``pids`` are the server's and, where it is on this machine, the database's.
    """
    ids = [await _ask(port, CREATE) for _ in range(clients if apart else 1)]
    targets = [each["createConversation"]["conversation"]["id"] for each in ids]
    bodies = [
        request(
            APPEND,
            input={"conversationId": targets[n % len(targets)], "role": "USER", "content": TEXT},
        )
        for n in range(clients)
    ]
    begun, before = time.perf_counter(), _used(pids)
    times = await ask_again(port, bodies, b'"userErrors":[]', seconds)
    elapsed = time.perf_counter() - begun
    used = [after - earlier for after, earlier in zip(_used(pids), before, strict=True)]
    counts = [
        (await _ask(port, COUNT, id=each))["conversation"]["messageCount"] for each in targets
    ]
    if sum(counts) != len(times):
        raise RuntimeError(f"{len(times)} were acknowledged, {sum(counts)} are stored")
    return Figures(times, elapsed, used)


def _used(pids: Sequence[int]) -> tuple[float, float, float]:
    """Processor time of the server, of the database's processes and of this one."""
    database = cpu_seconds(pids[1]) if len(pids) > 1 else 0.0
    return cpu_seconds(pids[0]), database, time.process_time()


async def _postmaster(database_url: str) -> list[int]:
    """The process of PostgreSQL that has started all others; none where it is elsewhere."""
    database = Database(load_settings(database_url=database_url))
    async with database.read() as connection:
        backend: int = (await connection.exec_driver_sql("SELECT pg_backend_pid()")).scalar_one()
        found = _parent(backend)
    await database.close()
    return found


def _parent(backend: int) -> list[int]:
    try:
        stat = Path(f"/proc/{backend}/stat").read_text()
    except OSError:
        return []
    name, rest = stat.split("(", 1)[1].rsplit(")", 1)
    return [int(rest.split()[1])] if name.startswith("postgres") else []


async def _ask(port: int, query: str, **variables: Any) -> Any:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = orjson.loads(await post(reader, writer, request(query, **variables)))
    writer.close()
    if answer.get("errors"):
        raise RuntimeError(str(answer["errors"]))
    return answer["data"]


def compare(ways: dict[str, tuple[int, Sequence[int]]], options: argparse.Namespace) -> None:
    """Measures the servers (port, process ids) in turn and prints medians."""
    print(
        "way          clients  conversations   appends/s   p50 ms   p99 ms   CPU ms"
        "  database  client"
    )
    for port, pids in ways.values():
        # The vocabulary is loaded by the first text.
        asyncio.run(measure(port, pids, max(options.clients), 1, apart=True))
    for clients in options.clients:
        for apart in (True, False):
            found: dict[str, list[Figures]] = {name: [] for name in ways}
            for _ in range(options.rounds):
                for name, (port, pids) in ways.items():
                    run = measure(port, pids, clients, options.seconds, apart=apart)
                    found[name].append(asyncio.run(run))
            for name, runs in found.items():
                rate, p50, p99, cpu, database, client = (
                    median(getattr(run, figure) for run in runs)
                    for figure in ("rate", "p50", "p99", "cpu", "database", "client")
                )
                print(
                    f"{name:<12} {clients:>7}  {clients if apart else 1:>13} {rate:>11.0f} "
                    f"{p50:>8.2f} {p99:>8.2f} {cpu:>8.2f} {database:>9.2f} {client:>7.2f}"
                )
    for name, (_, (pid, *_)) in ways.items():
        most = max(map(peak_megabytes, [pid, *children(pid)]))
        print(f"{name:<12} peak memory of a process {most:.0f} MiB")


async def _by_itself(gathering: Gathering[Any, Any], viewer: Viewer, item: Any) -> Any:
    return await gathering._alone(viewer, item)


def serve_one_by_one() -> None:
    """Serves with a transaction and a commit of its own for every write."""
    write = Database.write
    Database.write = lambda self, *, short=False: write(self, short=False)  # type: ignore[method-assign]
    Gathering.write = _by_itself  # type: ignore[method-assign, assignment]
    sys.argv = ["app.py"]
    serve()


def main() -> None:
    """Reads the command line and runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", help="an empty database; by default a file is made")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 16])
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--one-by-one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one_by_one:
        serve_one_by_one()
        return
    several = ("serve", "--workers", str(options.workers)) if options.workers > 1 else ()
    command = ("app.py", *several)
    if options.database:
        asyncio.run(migrate(load_settings(database_url=options.database)))
        postmaster = asyncio.run(_postmaster(options.database))
        with server(options.database, command) as (port, pid):
            compare({"grouped": (port, [pid, *postmaster])}, options)
        return
    data = ROOT / "data"  # on a disk, which a folder for temporary files need not be
    data.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=data) as folder:
        new, old = (f"sqlite:///{folder}/{name}.db" for name in ("grouped", "each"))
        with server(new, command) as grouped, server(old, ONE_BY_ONE) as each:
            ways = {"grouped": grouped, "a commit each": each}
            compare({name: (port, [pid]) for name, (port, pid) in ways.items()}, options)


if __name__ == "__main__":
    main()
