"""Inbox, list and thread beside other servers, over the same data, in one run.

    python -m benchmarks.peers.run [--conversations 500] [--messages 200] [--seconds 4] [--rounds 3]

Peers: Mercurius with graphql-jit over Node's own SQLite, PostGraphile (from npm, with a Node.js
of the same age, into a temporary folder), the plain way of this stack (``plain.py``) and the
hand-written limit (``limit.py``). All servers run at once and take turns, so that whatever else the
machine does touches all. CPU is that of the server's process, PostgreSQL's own not counted; medians
of the rounds, the least in brackets.
``--only`` names the servers to be measured.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from backend.config import load_settings
from benchmarks.load import Result, measure, post, request, settled
from benchmarks.requests import ROOT, bodies, server
from benchmarks.seed import conversation_id, seed
from tests.support.postgresql import shared_server

FOLDER = Path(__file__).parent
PACKAGES = (
    "fastify@5.12.8",
    "graphql@16.15.0",
    "graphql-jit@0.8.9",
    "mercurius@16.10.1",
    "node@22.23.3",
    "postgraphile@5.1.5",
)
ON_POSTGRESQL = ("Conversa, PostgreSQL", "plain, PostgreSQL", "PostGraphile")
REQUESTS = ("inbox", "list", "thread")
# The same fields by the names that PostGraphile gives them.
_MESSAGES = """messagesByOwnerIdAndConversationId(last: %d, orderBy: POSITION_ASC,
  condition: {active: true}) { edges { cursor node { rowId role content createdAt } }
  pageInfo { hasPreviousPage startCursor } }"""
_LIST = """{ allConversations(first: 20, orderBy: [LAST_ACTIVITY_AT_DESC, ROW_ID_DESC],
  condition: {archived: false}) { edges { cursor node { rowId title lastMessageAt %s } }
  pageInfo { hasNextPage endCursor } } }"""
POSTGRAPHILE = {
    "inbox": _LIST % (_MESSAGES % 20),
    "list": _LIST % "messageCount",
    "thread": """query Thread($id: UUID!) {
  conversationByOwnerIdAndRowId(ownerId: "1", rowId: $id) { rowId title %s } }"""
    % (_MESSAGES % 50),
}
Bodies = dict[str, Callable[[int], bytes]]
Running = tuple[int, int, Bodies]


def main() -> None:
    """Reads the command line and runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=500)
    parser.add_argument("--messages", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--only", nargs="+", default=[])
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        file = f"sqlite:///{folder}/peers.db"
        address = ""
        if any(_is_wanted(name, options) for name in ON_POSTGRESQL):
            postgresql = stack.enter_context(shared_server(folder, _nothing))
            address = postgresql.url(postgresql.create())
        for url in filter(None, (file, address)):
            settings = load_settings(database_url=url, synchronous="normal")
            asyncio.run(seed(settings, options.conversations, options.messages))
        running = dict(_servers(stack, options, folder, file, address))
        report(asyncio.run(compare(running, options)))


def _nothing(_url: str) -> None:
    """The seed migrates."""


def _servers(
    stack: ExitStack, options: argparse.Namespace, folder: Path, file: str, address: str
) -> Iterator[tuple[str, Running]]:
    ours = bodies(options.conversations)
    path = file.removeprefix("sqlite:///")
    python = [sys.executable, "-m"]
    node = str(folder / "node_modules" / ".bin" / "node")
    commands: dict[str, tuple[Sequence[str], Bodies]] = {
        "limit, SQLite": ([*python, "benchmarks.peers.limit", path], ours),
        "plain, SQLite": ([*python, "benchmarks.peers.plain", f"sqlite+aiosqlite:///{path}"], ours),
        "plain, PostgreSQL": ([*python, "benchmarks.peers.plain", _asyncpg(address)], ours),
        "Mercurius, SQLite": ([node, str(folder / "mercurius.mjs"), path], ours),
        "PostGraphile": ([node, str(folder / "postgraphile.mjs"), address], _other(options)),
    }
    wanted = {name: each for name, each in commands.items() if _is_wanted(name, options)}
    if any(command[0] == node for command, _ in wanted.values()):
        install(folder)
    for name, url in (("Conversa, SQLite", file), ("Conversa, PostgreSQL", address)):
        if _is_wanted(name, options):
            yield name, (*stack.enter_context(server(url)), ours)
    for name, (command, asked) in wanted.items():
        yield name, (*stack.enter_context(peer(command)), asked)


def _is_wanted(name: str, options: argparse.Namespace) -> bool:
    return not options.only or any(each.lower() in name.lower() for each in options.only)


def _asyncpg(address: str) -> str:
    return address.replace("postgresql://", "postgresql+asyncpg://", 1)


def _other(options: argparse.Namespace) -> Bodies:
    def thread(number: int) -> bytes:
        return request(POSTGRAPHILE["thread"], id=conversation_id(number % options.conversations))

    return {
        "inbox": lambda _: request(POSTGRAPHILE["inbox"]),
        "list": lambda _: request(POSTGRAPHILE["list"]),
        "thread": thread,
    }


def install(folder: Path) -> None:
    """Puts the packages and the scripts of the peers on Node.js into a folder."""
    npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder)]
    subprocess.run([*npm, *PACKAGES], check=True)
    for script in FOLDER.glob("*.mjs"):
        (folder / script.name).write_text(script.read_text())


@contextmanager
def peer(command: Sequence[str]) -> Iterator[tuple[int, int]]:
    """A peer that prints its port: that, and its process id."""
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline()), process.pid
        finally:
            process.terminate()


async def compare(
    running: dict[str, Running], options: argparse.Namespace
) -> dict[str, dict[str, list[Result]]]:
    """Every request of every server, by turns."""
    found: dict[str, dict[str, list[Result]]] = {}
    for name in REQUESTS:
        found[name] = {each: [] for each in running}
        for each, (port, pid, asked) in running.items():
            await settled(pid)
            await check(each, port, asked[name](0))
            await measure(port, pid, asked[name], clients=1, seconds=1)
        for _ in range(options.rounds):
            for each, (port, pid, asked) in running.items():
                figures = measure(
                    port, pid, asked[name], clients=options.clients, seconds=options.seconds
                )
                found[name][each].append(await figures)
    return found


async def check(name: str, port: int, body: bytes) -> None:
    """Raises where an answer is none."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = await post(reader, writer, body)
    writer.close()
    if b'"errors":' in answer or b'"edges":[{' not in answer:
        raise RuntimeError(f"{name}: {answer[:500].decode()}")


def report(found: dict[str, dict[str, list[Result]]]) -> None:
    """Prints a line for each request and server."""
    print(f"{'request':9}{'server':24}{'CPU ms':>16}{'p50 ms':>9}{'p99 ms':>9}{'req/s':>8}")
    for request_, by_server in found.items():
        for name, rounds in by_server.items():
            cpu = [each.cpu for each in rounds]
            p50, p99, rate = (
                median(getattr(each, figure) for each in rounds)
                for figure in ("p50", "p99", "rate")
            )
            shown = f"{median(cpu):.2f} ({min(cpu):.2f})"
            print(f"{request_:9}{name:24}{shown:>16}{p50:>9.2f}{p99:>9.2f}{rate:>8.0f}")


if __name__ == "__main__":
    main()
