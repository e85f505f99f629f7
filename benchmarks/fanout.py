"""One conversation, many sockets: deliveries a second, their latency, memory per socket.

    python -m benchmarks.fanout [--sockets 1 100 1000] [--events 100] [--peer]

A message is added by mutation over HTTP, one after the other; each socket is told each. Latency is
from the mutation's answer to the arrival at a socket, zero where that came first. With ``--peer``
the same is measured of GraphQL Yoga with graphql-ws on Node.js, which npm installs into a temporary
folder.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from benchmarks.load import cpu_seconds, post, request
from benchmarks.requests import server
from benchmarks.sockets import SubscribedSocket

CREATE = 'mutation { createConversation(input: {title: "Fan"}) { conversation { id } } }'
ADD = """mutation Add($conversation: ID!, $content: String!) {
  addMessage(input: {conversationId: $conversation, role: USER, content: $content}) {
    message { id } } }"""
FOLLOW = """subscription Follow($conversation: ID!) { messageAdded(conversationId: $conversation) {
  cursor message { id role content createdAt } } }"""
TEXT = "words " * 20
MARK = b"#"
AT_ONCE = 50
SETTLE_SECONDS = 2.0
SETTLE_EACH = 0.006
PATIENCE = 120.0
PEER = Path(__file__).parent / "peers" / "yoga.mjs"
PACKAGES = ("graphql@16.15.0", "graphql-yoga@5.24.1", "graphql-ws@6.4.2", "ws@8.23.0")


class Figures(NamedTuple):
    """Of one run: rate in deliveries a second, times in milliseconds (``whole`` is the median from
    the mutation's request), memory in KiB a socket, processor time in microseconds a delivery."""

    sockets: int
    rate: float
    p50: float
    p99: float
    whole: float
    memory: float
    cpu: float


class Arrivals:
    """When each message arrived, by its number in the text."""

    def __init__(self) -> None:
        self.times: list[tuple[int, float]] = []

    def note(self, frame: bytes) -> None:
        """Called with each frame."""
        start = frame.index(MARK) + 1
        self.times.append((int(frame[start : start + 6]), time.perf_counter()))


async def measure(port: int, pid: int, sockets: int, events: int) -> Figures:
    """Opens so many sockets and adds so many messages."""
    connection = await asyncio.open_connection("127.0.0.1", port)
    conversation = (await _ask(connection, CREATE))["createConversation"]["conversation"]["id"]
    arrivals = Arrivals()
    before = _resident(pid)
    opened = await _open(port, conversation, sockets, arrivals)
    await asyncio.sleep(SETTLE_SECONDS + sockets * SETTLE_EACH)
    memory = (_resident(pid) - before) / sockets
    connection[1].close()  # The server has hung up by now on one that said nothing for so long.
    connection = await asyncio.open_connection("127.0.0.1", port)
    begun, used = time.perf_counter(), cpu_seconds(pid)
    asked, answered = [], []
    for number in range(events):
        asked.append(time.perf_counter())
        content = f"{MARK.decode()}{number:06d} {TEXT}"
        await _ask(connection, ADD, conversation=conversation, content=content)
        answered.append(time.perf_counter())
    await _until(arrivals, sockets * events)
    elapsed = max(at for _, at in arrivals.times) - begun
    used = cpu_seconds(pid) - used
    for each in opened:
        each.close()
    connection[1].close()
    whole = sorted((at - asked[number]) * 1000 for number, at in arrivals.times)
    late = sorted(max(0.0, at - answered[number]) * 1000 for number, at in arrivals.times)
    return Figures(
        sockets,
        len(late) / elapsed,
        late[len(late) // 2],
        late[min(len(late) - 1, int(len(late) * 0.99))],
        whole[len(whole) // 2],
        memory,
        used / len(late) * 1e6,
    )


async def _ask(
    connection: tuple[asyncio.StreamReader, asyncio.StreamWriter], query: str, **variables: Any
) -> Any:
    answer = orjson.loads(await post(*connection, request(query, **variables)))
    if answer.get("errors"):
        raise RuntimeError(str(answer["errors"]))
    return answer["data"]


async def _open(
    port: int, conversation: str, count: int, arrivals: Arrivals
) -> list[SubscribedSocket]:
    payload = {"query": FOLLOW, "variables": {"conversation": conversation}}
    subscribe = orjson.dumps({"id": "1", "type": "subscribe", "payload": payload})
    loop = asyncio.get_running_loop()

    async def one() -> SubscribedSocket:
        _, socket = await loop.create_connection(
            lambda: SubscribedSocket(f"127.0.0.1:{port}", subscribe, arrivals.note),
            "127.0.0.1",
            port,
        )
        await socket.ready
        return socket

    found: list[SubscribedSocket] = []
    while len(found) < count:
        found += await asyncio.gather(*(one() for _ in range(min(AT_ONCE, count - len(found)))))
    return found


async def _until(arrivals: Arrivals, count: int) -> None:
    end = time.perf_counter() + PATIENCE
    while len(arrivals.times) < count:
        if time.perf_counter() > end:
            raise TimeoutError(f"{len(arrivals.times)} of {count} deliveries")
        await asyncio.sleep(0.01)
    if len(arrivals.times) > count:
        raise RuntimeError(f"{len(arrivals.times)} deliveries, {count} were due")


def _resident(pid: int) -> int:
    """Memory in use, in KiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise LookupError("no VmRSS")


@contextmanager
def peer(folder: Path) -> Iterator[tuple[int, int]]:
    """GraphQL Yoga with graphql-ws: its port and its process id."""
    subprocess.run(
        ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, *PACKAGES],
        check=True,
    )
    script = folder / PEER.name
    script.write_text(PEER.read_text())
    with subprocess.Popen(
        ["node", script], cwd=folder, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline()), process.pid
        finally:
            process.terminate()


def report(name: str, port: int, pid: int, options: argparse.Namespace) -> None:
    """Prints a line for each number of sockets."""
    for sockets in options.sockets:
        found = asyncio.run(measure(port, pid, sockets, options.events))
        print(
            f"{name:<9} {found.sockets:>7} {found.rate:>13.0f} {found.p50:>8.1f} "
            f"{found.p99:>8.1f} {found.whole:>12.1f} {found.memory:>11.1f} {found.cpu:>12.1f}"
        )


def main() -> None:
    """Reads the command line and runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sockets", type=int, nargs="+", default=[1, 100, 1000])
    parser.add_argument("--events", type=int, default=100)
    parser.add_argument("--peer", action="store_true", help="measure Node.js beside it")
    options = parser.parse_args()
    print("server    sockets  deliveries/s   p50 ms   p99 ms  request p50  KiB/socket  us/delivery")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port, pid = stack.enter_context(server(f"sqlite:///{folder}/fanout.db"))
        report("conversa", port, pid, options)
        if options.peer:
            report("yoga", *stack.enter_context(peer(folder)), options)


if __name__ == "__main__":
    main()
