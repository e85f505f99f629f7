"""Operations that were never seen before: what the first request costs, and what memory they take.

    python -m benchmarks.operations [--operations 10000] [--step 1000] [--samples 40]

First, in one process over one small database, the processor time of a request from its text to its
answer's bytes: parsed, validated, priced and compiled, beside the same executed by graphql-core
without compilation, each text new to both, in turns; then the same texts again. Then so many
distinct operations, small and large, go to a server of its own, whose memory is told at each step:
what is kept of them is bounded, so it stops growing.
"""

from __future__ import annotations

import argparse
import asyncio
import copy
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import orjson
from strawberry.extensions import SchemaExtension

from backend.config import load_settings
from backend.database.database import Database
from backend.graphql.context import Context
from backend.graphql.http.answers import result_body
from backend.graphql.operations import Operations
from backend.graphql.parameters import Parameters
from backend.graphql.schema import schema
from backend.repositories.store import Store
from backend.security.viewer import LOCAL_VIEWER
from backend.services.container import Services
from benchmarks.load import cpu_seconds, post, request
from benchmarks.requests import server
from benchmarks.seed import seed

CONVERSATIONS, MESSAGES = 20, 10
WARM = 30
"""Operations before the first that counts: the choices of columns that have statements are made."""
OF_CONVERSATION = (
    "id", "title", "pinned", "archived", "createdAt", "updatedAt", "lastMessageAt", "messageCount",
    "revision", "tags", "metadata",
)  # fmt: skip
OF_MESSAGE = (
    "id", "role", "content", "createdAt", "status", "model", "name", "revision", "position",
    "tokenCount", "metadata",
)  # fmt: skip


class Bystander(SchemaExtension):
    """Does nothing; with an extension of which nothing is known, graphql-core executes all."""


def small(number: int) -> str:
    """An operation of three fields."""
    return (
        f"query S{number} {{ conversations(first: 2) {{ edges {{ node {{ a{number}: id }} }} }} }}"
    )


def large(number: int) -> str:
    """An operation of some hundred fields, no two alike."""
    chance = random.Random(number)

    def messages(each: int) -> str:
        return (
            f"p{each}: messages(last: {each + 1}) {{ edges {{ cursor node {{"
            f" {chosen(chance, OF_MESSAGE)} }} }} pageInfo {{ hasPreviousPage startCursor }} }}"
        )

    roots = " ".join(
        f"r{each}: conversations(first: {each + 1}) {{ edges {{ cursor node {{"
        f" {chosen(chance, OF_CONVERSATION)} {messages(0)} {messages(1)} }} }} }}"
        for each in range(2)
    )
    return f"query L{number} {{ {roots} }}"


def chosen(chance: random.Random, names: tuple[str, ...]) -> str:
    """Some of these fields, and one more under another name."""
    some = chance.sample(names, chance.randint(len(names) // 2, len(names)))
    return " ".join([*some, f"x{chance.randint(0, 10**9)}: {some[0]}"])


def ways() -> dict[str, Operations]:
    """With compilation, and without."""
    plain = copy.copy(schema)
    plain.extensions = (*schema.extensions, Bystander)
    return {"compiled": Operations(schema), "graphql-core": Operations(plain)}


async def answer(operations: Operations, services: Services, text: str) -> bytes:
    """The answer's bytes; raises where there are errors."""
    parameters = Parameters(query=text, variables=None)
    admission = operations.admit(parameters)
    result = await operations.execute(admission, parameters, Context(services, LOCAL_VIEWER))
    if result.errors:
        raise RuntimeError(str(result.errors[0]))
    return result_body(result)


async def first_requests(database_url: str, samples: int) -> None:
    """Prints the milliseconds of processor time of a new operation and of a known one."""
    database = Database(load_settings(database_url=database_url))
    services = Services(Store(database))
    print(f"{'':16}{'first request ms':>18}{'the same again':>16}")
    for name, made in (("small", small), ("large", large)):
        both = ways()
        firsts: dict[str, list[float]] = {way: [] for way in both}
        again: dict[str, list[float]] = {way: [] for way in both}
        for number in range(WARM):
            await answer(both["compiled"], services, made(10**6 + number))
        for number in range(samples + 1):
            for found in (firsts, again):
                for way, operations in both.items():
                    begun = time.process_time()
                    await answer(operations, services, made(number))
                    found[way].append((time.process_time() - begun) * 1000)
        for way in both:
            first, later = median(firsts[way][1:]), median(again[way][1:])
            print(f"{name + ', ' + way:22}{first:>12.2f}{later:>16.2f}")
        if both["compiled"].execution.referred:
            raise RuntimeError("not all was compiled")
        more = median(firsts["compiled"][1:]) - median(firsts["graphql-core"][1:])
        print(f"{name}: the first request takes {more:+.2f} ms with compilation")
    await services.embedding.close()
    await database.close()


def resident_megabytes(pid: int) -> float:
    """What of a process is in memory now."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise LookupError("no VmRSS")


async def many(
    port: int, pid: int, count: int, step: int, kinds: Sequence[Callable[[int], str]]
) -> None:
    """Sends distinct operations and prints the server's memory on the way."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    print(f"{'operations':>12}{'memory MiB':>12}{'CPU ms each':>13}")
    print(f"{0:>12,}{resident_megabytes(pid):>12.1f}")
    used = cpu_seconds(pid)
    for number in range(1, count + 1):
        body = await post(reader, writer, request(kinds[number % len(kinds)](number)))
        if "errors" in orjson.loads(body):
            raise RuntimeError(body[:500].decode())
        if number % step == 0:
            now = cpu_seconds(pid)
            each = (now - used) / step * 1000
            print(f"{number:>12,}{resident_megabytes(pid):>12.1f}{each:>13.2f}", flush=True)
            used = now
    writer.close()


def main() -> None:
    """Reads the command line and runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operations", type=int, default=10_000)
    parser.add_argument("--step", type=int, default=1_000)
    parser.add_argument("--samples", type=int, default=40)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/operations.db"
        asyncio.run(seed(load_settings(database_url=url), CONVERSATIONS, MESSAGES))
        asyncio.run(first_requests(url, options.samples))
        if options.operations:
            with server(url) as (port, pid):
                kinds = [small, small, small, large]
                asyncio.run(many(port, pid, options.operations, options.step, kinds))


if __name__ == "__main__":
    main()
